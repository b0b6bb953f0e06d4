"""When garbage is looked for. A look at all that lives lets nothing else run, no thread either: with five hundred calls that
wait it takes a third of a second. Python does so whenever a quarter has been added; a server does it when few calls run.
"""

from __future__ import annotations

import gc

YOUNG = 5_000  # new objects before the youngest are looked through; 700 by default
_NEVER = 1_000_000_000
_FEW = 50  # calls, with which a look at all takes some 30 ms
_DUE, _OVERDUE = 10, 300  # looks at what is younger before one at all, with few calls and with any number


def look_at_few() -> None:
    """To be called when a server starts: what has been loaded stays, and is looked through no more, which would take a tenth
    of the CPU of many small calls.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, 10, _NEVER)


def call_ended(running: int) -> None:
    """Looks through all where it is time to. `running`: calls that still do."""
    if gc.get_threshold()[2] != _NEVER:  # nobody's server, or a Python that looks at a part at a time
        return
    if gc.get_count()[2] >= (_DUE if running <= _FEW else _OVERDUE):
        gc.collect()

"""Where every command begins: with stdin answered from a record where there is one, while the rest is imported."""

from __future__ import annotations

import gc
import signal
import sys


def main() -> None:
    # While modules are imported nothing becomes garbage, but the collector would walk all of it again and again:
    # a tenth of the start-up time. `collect_again` ends this.
    gc.disable()
    # An interruption ends a server at once, in the middle of an import too, and so from before the first of them.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from glm_mcp.server.front.stdin import early

    stdin = early(sys.argv[1:])
    from glm_mcp.cli.main import main as run

    if stdin is None:
        signal.signal(signal.SIGINT, before)
    run(stdin)


if __name__ == "__main__":
    main()

"""TOML changed so that everything else keeps every byte, comments too; the same three steps as `jsonc`.

`load` reads; `put` and `drop` give the new text. All raise ValueError where the text is not TOML.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any


def load(text: str) -> Any:
    return tomllib.loads(text)


def dump(whole: Mapping[str, Any]) -> str:
    import tomlkit

    return tomlkit.dumps(whole).strip()


def put(text: str, path: Sequence[str], value: Mapping[str, Any]) -> str:
    """The text with the table `value` at `path`, of two names; what a table there had and `value` has not, goes."""
    import tomlkit
    from tomlkit.items import Table

    field, name = path
    whole = tomlkit.parse(text)
    if field not in whole:
        whole[field] = tomlkit.table(is_super_table=True)
    servers: Any = whole[field]
    if name in servers:
        for key in [k for k in servers[name] if k not in value]:
            del servers[name][key]
        for key, new in value.items():
            if servers[name].get(key) != new:
                servers[name][key] = new
    elif isinstance(servers, Table):
        servers[name] = tomlkit.item(dict(value))
    else:
        table = tomlkit.inline_table()
        table.update(value)
        servers[name] = table
    return tomlkit.dumps(whole)


def drop(text: str, path: Sequence[str]) -> str:
    """The text without the table at `path`, of two names."""
    import tomlkit

    whole = tomlkit.parse(text)
    servers: Any = whole[path[0]]
    del servers[path[1]]
    return tomlkit.dumps(whole)

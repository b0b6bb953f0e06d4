"""Where every command begins: with stdin answered from a record where there is one, while the rest is imported."""

from __future__ import annotations

import sys

from glm_mcp.server.front.stdin import early


def main() -> None:
    stdin = early(sys.argv[1:])
    from glm_mcp.cli.main import main as run

    run(stdin)


if __name__ == "__main__":
    main()

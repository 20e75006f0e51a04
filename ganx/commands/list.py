"""`ganx list`: what can be composed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from ganx.commands import Parser
from ganx.errors import UserError, nearest
from ganx.groups import groups, options


def run(argv: list[str]) -> int:
    """Print the groups, or `name  one line` for each option of a group."""
    parser = Parser(prog="ganx list", description="Show the groups of the configuration, or the options of one group.")
    parser.add_argument("group", nargs="?", help="model, dataset, protocol, ...")
    parser.add_argument("--config-dir", "-cd", type=Path, action="append", default=[], help="your own YAML files")
    args = parser.parse_args(argv)
    for folder in args.config_dir:
        if not folder.is_dir():
            raise UserError(
                f"the configuration folder '{folder}' {'is not a folder' if folder.exists() else 'does not exist'}"
            )
    known = groups(args.config_dir)
    if args.group is None:
        _print((group, ", ".join(options(group, args.config_dir))) for group in known)
    elif args.group in known:
        _print(options(args.group, args.config_dir).items())
    else:
        raise UserError(f"there is no group '{args.group}'{nearest(args.group, known)}")
    return 0


def _print(rows: Iterable[tuple[str, str]]) -> None:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    for name, line in rows:
        print(f"{bold}{name:{width}}{plain}  {line}".rstrip())

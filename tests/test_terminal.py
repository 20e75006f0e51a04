"""What stands in names is shown as text."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from ganx.terminal import Terminal
from ganx.text import printable


@pytest.mark.parametrize("name", ["[bold]", "[/x]", ":smile:", "é漢", "\x1b[31mred", "a\rb", "\ud800", "\u202eabc"])
def test_names_are_text(name: str) -> None:
    file = io.StringIO()
    console = Terminal(file=file, width=60)
    grid = Table(title=name)
    grid.add_column(name)
    grid.add_row(name)
    console.print(grid)
    console.print(name)
    assert file.getvalue().count(printable(name)) == 4
    assert "\x1b" not in file.getvalue()


def test_printable_leaves_lines() -> None:
    assert printable("a\nb\x1b[0m\x00") == "a\nb\\x1b[0m\\x00"

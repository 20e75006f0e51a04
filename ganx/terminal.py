"""The terminal that commands print to: names are shown as they are, whatever is in them."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from ganx.text import printable


class Terminal(Console):
    """A console of rich that takes no text for markup (`[bold]`), unless asked to, and none for an escape code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text as it is shown."""
        return super().render_str(printable(text), **options)

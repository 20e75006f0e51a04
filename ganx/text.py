"""Words for counts and spans of time, overrides as a user types them, and names as a terminal can show them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable


def shorten(text: str, length: int = 100) -> str:
    """Return a text for a message: its beginning, where it is longer."""
    return text if len(text) <= length else f"{text[:length]}..."


def plural(count: int, noun: str) -> str:
    """Return `1 seed`, `2 seeds`."""
    return f"{count} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"


def duration(seconds: float) -> str:
    """Return a span of time for people: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def printable(text: str) -> str:
    """Return a text with what would steer a terminal written out: an escape code in a name is shown as `\\x1b[31m`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def list_override(key: str, values: Iterable[str | float]) -> str:
    """Return `key=[...]` as it can be pasted into a shell: Hydra takes each value as it is."""
    items = [_item(value) if isinstance(value, str) else f"{value:.15g}" for value in values]
    return shlex.quote(f"{key}=[{','.join(items)}]")


def text_override(key: str, value: str) -> str:
    """Return `key=value` in the same way."""
    return shlex.quote(f"{key}={_item(value)}")


def _item(value: str) -> str:
    if re.fullmatch("[A-Za-z_][A-Za-z0-9_.-]*", value) and value.lower() not in _WORDS:
        return value
    # Backslashes count before ${, which OmegaConf would resolve, and before quotation marks.
    escaped = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", value)
    escaped = re.sub(r'(\\*)"', lambda match: match[1] * 2 + r"\"", escaped)
    return '"' + re.sub(r"(\\+)$", lambda match: match[1] * 2, escaped) + '"'


_WORDS = frozenset(["null", "true", "false", "nan", "inf"])  # Hydra takes these for values of another type

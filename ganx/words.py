"""What is wrong with the words of a command line before Hydra reads them, which would take some of them in silence."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from ganx.errors import UserError

#: Keys of Hydra's own that mean something here.
_OF_HYDRA = re.compile(r"hydra(/|\.)(launcher|sweeper)\b|hydra\.(mode|searchpath)$")


def check_words(words: Sequence[str], options: Collection[str]) -> None:
    """Refuse words that cannot mean what they say.

    Args:
        options: that the command knows, e.g. `--cfg`.

    Raises:
        UserError: a key has dashes in front, stands there twice, or is one of Hydra's own that ganx does not use.
    """
    given: dict[str, str] = {}
    for word in words:
        start, equals, _ = word.partition("=")
        if word.startswith("-"):
            _check_option(word, start, bool(equals), options)
            continue
        key = start.lstrip("+")
        if equals and not key:
            raise UserError(f"cannot read '{word}': no key stands before =; write key=value")
        if key.lstrip("~").startswith("hydra") and not _OF_HYDRA.match(key):
            raise UserError(
                f"{start}: ganx uses of Hydra's own keys only hydra/launcher, hydra/sweeper and theirs; where runs are "
                "written is outputs=DIR"
            )
        if equals and key in given and "." not in key:  # a value below a group may be set anew, as scripts do
            raise UserError(f"{key} is given twice, {given[key]} and {word}; keep one")
        given[key] = word


def _check_option(word: str, start: str, has_value: bool, options: Collection[str]) -> None:
    if start in options or re.match(r"-(cd|cn|cp|[a-z])$", start) or re.match(r"-\d", start):
        return
    if near := get_close_matches(start, options, n=1, cutoff=0.8):
        raise UserError(f"unrecognized arguments: {word}; did you mean '{near[0]}'?")
    if has_value and re.fullmatch(r"-+[A-Za-z_][\w./@]*", start):
        raise UserError(f"{word}: keys have no dashes in front; write {word.lstrip('-')}")
    raise UserError(f"unrecognized arguments: {word}; keys have no dashes, and --help shows the options")

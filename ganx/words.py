"""The words of a command line before Hydra reads them: short ones in its terms, and those that it would misread."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from ganx.errors import UserError
from ganx.text import list_override, text_override

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


def sweep_words(argv: Sequence[str]) -> list[str]:
    """Return `argv` with the short words for sweeps in Hydra's terms.

    `launcher.KEY=` is `hydra.launcher.KEY=`, `detach=` is `hydra.launcher.detach=`, `sweeper.KEY=` is
    `hydra.sweeper.KEY=`, and so are `plan=`, `search=`, `study=` and `n_trials=`.
    """
    words = [
        next((long + word.removeprefix(short) for short, long in _SHORT.items() if word.startswith(short)), word)
        for word in argv
    ]
    return [f"++{word}" if word.startswith(_ANY_KEY) else word for word in words]


def is_sweep(argv: Sequence[str]) -> bool:
    """Tell whether a command line asks for a sweep without `-m`: it chooses a launcher, or says what one shall do."""
    starts = ("hydra/launcher=", "hydra/sweeper=", "hydra.launcher.", "hydra.sweeper.")
    return any(word.lstrip("+").startswith(starts) for word in argv)


def is_search(argv: Sequence[str]) -> bool:
    """Tell whether a command line asks for a search without naming the sweeper: it has one of the sweeper's keys."""
    own = [word for word in argv if word.startswith("hydra.sweeper.") and not word.startswith("hydra.sweeper.plan=")]
    return bool(own) and not any(word.startswith("hydra/sweeper=") for word in argv)


_SHORT = {
    "launcher.": "hydra.launcher.",
    "launcher=": "hydra/launcher=",
    "detach=": "hydra.launcher.detach=",
    "sweeper.": "hydra.sweeper.",
    "sweeper=": "hydra/sweeper=",
    **{f"{key}=": f"hydra.sweeper.{key}=" for key in ("plan", "search", "study", "n_trials")},
}
_ANY_KEY = "hydra.launcher.additional_parameters"  # options of sbatch: Hydra would let in none that is not there yet


def override(key: str, value: str) -> str:
    """Return `key=value` with the value quoted, so that Hydra takes any file name as it is."""
    escaped = re.sub(r"(\\*)'", lambda match: match[1] * 2 + r"\'", value)
    escaped = re.sub(r"(\\+)$", lambda match: match[1] * 2, escaped)
    return f"{key}='{escaped}'"


def in_quotes(word: str) -> str:
    """Return an override that Hydra cannot read with its values in quotes, as it is typed in a shell; perhaps ""."""
    key, _, value = word.partition("=")
    if not re.fullmatch(r"[\w./@+~]+", key) or not value:
        return ""
    if value.startswith("[") and value.endswith("]"):
        return f": {list_override(key, [part.strip(_MARKS) for part in value.strip('[]').split(',')])}"
    return f": {text_override(key, value.strip(_MARKS))}"


_MARKS = " \"'"


def as_text(argv: Sequence[str], key: str) -> list[str]:
    """Return `argv` with the value of `key` quoted, unless it is: a signature may look like a number, 12e4567890.

    Under `-m`, commas part several values.
    """
    several = not {"-m", "--multirun"}.isdisjoint(argv)

    def quoted(word: str) -> str:
        value = word.removeprefix(f"{key}=")
        if value == word or value.startswith(("'", '"', "$")):
            return word
        values = [override("", part).removeprefix("=") for part in (value.split(",") if several else [value])]
        return f"{key}={','.join(values)}"

    return [quoted(word) for word in argv]

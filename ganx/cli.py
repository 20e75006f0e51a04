"""The door: command names, completion, hints, exit codes. Standard library only, so that it opens at once."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise

from ganx import __version__
from ganx.errors import RunError, UserError, nearest
from ganx.text import printable, shorten

#: Commands that Hydra composes; their arguments are overrides.
HYDRA = {
    "train": "train a method on a data set: ganx train model=hexagan dataset=breast",
    "eval": "compute the figures of a finished run again: ganx eval run=SIGNATURE",
    "impute": "fill a table of your own: ganx impute run=SIGNATURE input=my.csv out=filled.csv",
    "predict": "classes of rows of your own: ganx predict run=SIGNATURE input=my.csv out=classes.csv",
    "sample": "rows or images that a trained run makes: ganx sample run=SIGNATURE out=grid.png",
    "interpolate": "walks through a latent space: ganx interpolate run=SIGNATURE out=walk.gif",
    "neighbours": "does a run copy its training rows? ganx neighbours run=SIGNATURE out=pairs.png",
    "upgrade": "seal a run of an earlier version: ganx upgrade run=SIGNATURE",
    "tables": "published tables beside fresh figures: ganx tables table=hexagan_imputation",
    "figures": "figures of papers, drawn from fresh runs: ganx figures figure=hexagan_digits",
}
PLAIN = {
    "list": "what can be composed: ganx list model",
    "status": "sweeps and runs, what went wrong first: ganx status state=failed model=hexagan",
    "cancel": "stop the jobs of a sweep: ganx cancel SWEEP",
    "completion": 'TAB for commands and overrides: eval "$(ganx completion bash)"',
}
COMMANDS = HYDRA | PLAIN

#: The request was right, the machine refused.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
#: What was named is no place for a file.
_WRONG_PLACES = (errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR, errno.ENOTDIR)


def main(argv: list[str] | None = None) -> int:
    """Run a command line and return the exit code: 0 done, 1 run failed or locked, 2 wrong request, 143 preempted."""
    atexit.register(gc.freeze)  # else every object is looked through once more at the end, which takes a second
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name of a file need not be text that can be printed
            stream.reconfigure(errors="backslashreplace")
    if not os.environ.get("GANX_OUTPUTS", "outputs"):
        del os.environ["GANX_OUTPUTS"]  # set to nothing is not set
    try:
        code = _dispatch(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except (UserError, RunError) as error:
        return _complain(error, error.exit_code)
    except MemoryError as error:
        return _complain(f"not enough memory ({error}): take fewer rows, seeds or workers, or smaller sizes", 1)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _REFUSALS + _WRONG_PLACES:
            raise
        name = shorten(str(error.filename or "a file"))
        return _complain(f"{name}: {error.strerror}", 2 if error.errno in _WRONG_PLACES else 1)
    except SystemExit as error:  # argparse after --help
        return error.code if isinstance(error.code, int) else 0


def _dispatch(argv: list[str]) -> int:
    if argv[:1] == ["-sc"]:
        return _complete()
    if argv[:1] == ["help"] and argv[1:]:
        argv = [argv[1], "--help", *argv[2:]]
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if argv[0] in ("-V", "--version"):
        print(f"ganx {__version__}")
        return 0
    command, *rest = argv
    if command not in COMMANDS:
        hint = nearest(command, [*COMMANDS, "help"])
        raise UserError(f"there is no command '{command}'{hint}")
    if command in HYDRA and ("-h" in rest or "--help" in rest):
        command, rest = "help", [command, *rest]
    code: int = import_module(f"ganx.commands.{command}").run(rest)
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {line}" for name, line in COMMANDS.items()]
    title = "ganx: generative adversarial networks as reproducible experiments"
    return "\n".join([title, "", *lines, "", "ganx COMMAND --help tells more; ganx --version tells the version."])


def _complete() -> int:
    """Answer the shell: COMP_LINE holds the line up to the cursor."""
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    if len(words) + line.endswith(" ") <= 2:
        print(" ".join(COMMANDS))
    elif words[1] in HYDRA:
        folders = [word for pair in pairwise(words) if pair[0] in ("--config-dir", "-cd") for word in pair]
        typed = "" if line.endswith(" ") else words.pop()
        overrides = [word for word in words[2:] if "=" in word and not word.startswith("-")]
        # -m lets Hydra complete although model=... is not chosen yet.
        os.environ["COMP_LINE"] = " ".join(["ganx -m", *overrides, typed])
        return int(import_module(f"ganx.commands.{words[1]}").run(["-sc", "query=bash", *folders]))
    elif words[1] == "list":
        print(" ".join(import_module("ganx.groups").groups()))
    elif words[1] == "status":
        print(" ".join(import_module("ganx.commands.status").completions("" if line.endswith(" ") else words[-1])))
    elif words[1] == "completion":
        print("bash zsh")
    return 0


def _complain(message: object, code: int) -> int:
    print(f"ganx: {printable(' '.join(str(message).split()))}", file=sys.stderr)
    return code

"""What conf/ offers: groups, their options and one line on each. Standard library only, so that lists are instant."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


def own_dir() -> Path:
    """Return the folder of ganx's own YAML files, in a checkout or in an installed wheel."""
    spec = find_spec("ganx.conf")
    assert spec is not None, "the installation lacks ganx.conf"
    assert spec.origin is not None, "ganx.conf has an __init__.py"
    return Path(spec.origin).parent


def groups(folders: Iterable[Path] = ()) -> list[str]:
    """Return the names of the groups in conf/ and in `folders`; those of sweeps, as `hydra/launcher`, come last."""
    files = ((folder, file) for folder in (own_dir(), *folders) for file in folder.glob("*/**/*.yaml"))
    found = {file.parent.relative_to(folder).as_posix() for folder, file in files}
    return sorted(found - {"hydra"}, key=lambda group: ("/" in group, group))


def options(group: str, folders: Iterable[Path] = ()) -> dict[str, str]:
    """Return {option: its one line} of a group; the line is the comment at the top of the file."""
    files = (file for folder in (own_dir(), *folders) for file in folder.glob(f"{group}/*.yaml") if file.is_file())
    return {file.stem: _first_comment(file) for file in sorted(files, key=lambda file: file.stem)}


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("#") and not line.startswith("# @package"):
            return line.lstrip("# ")
        if line and not line.startswith("#"):
            break
    return ""

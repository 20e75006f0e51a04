"""When, by which code and on which machines the runs of a table were made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ganx.tables.collect import RunRecord


@dataclass(frozen=True)
class Origin:
    """What provenance.json of some runs says, each thing once."""

    dates: tuple[str, ...]
    commits: tuple[str, ...]
    machines: tuple[str, ...]

    @classmethod
    def of(cls, runs: Iterable[RunRecord]) -> Origin:
        """Read the provenance of runs."""
        found = [provenance for run in runs if (provenance := run.provenance())]
        return cls(
            _distinct(str(item.get("started", ""))[:10] for item in found),
            _distinct(_commit(item) for item in found),
            _distinct(_machine(item) for item in found),
        )

    def __str__(self) -> str:
        if not self.dates:
            return "no runs yet"
        dates = " to ".join(dict.fromkeys((self.dates[0], self.dates[-1])))
        return f"runs of {dates}; ganx {', '.join(self.commits)}; {'; '.join(self.machines)}"


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))


def _commit(provenance: dict[str, Any]) -> str:
    """Return the commit, or the version of an installed ganx."""
    code, versions = (item if isinstance(item := provenance.get(key), dict) else {} for key in ("code", "versions"))
    if not code.get("commit"):
        return str(versions.get("ganx", "?"))
    return str(code["commit"])[:10] + (" with changes" if code.get("dirty") else "")


def _machine(provenance: dict[str, Any]) -> str:
    cores, memory = provenance.get("cores"), provenance.get("memory_gb")
    parts = [
        f"{cores} cores" if cores != 1 else "1 core",
        f"{memory} GB" if memory else "",
        provenance.get("processor"),
    ]
    return ", ".join(str(part) for part in parts if part)

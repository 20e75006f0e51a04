"""From a checked config to the things of a run: table, splits, signature, folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganx.data.datasets import load_cut
from ganx.data.encoding import Encoding
from ganx.data.rows import Rows
from ganx.data.splits import Split, make_splits
from ganx.data.table import Table
from ganx.engine.completed import Completed
from ganx.run.folder import RunFolder
from ganx.run.signature import signature
from ganx.schema import Protocol
from ganx.targets import constructor


@dataclass(frozen=True)
class Experiment:
    """One run, before anything is written.

    Attributes:
        config: the resolved, checked config.
        splits: one per replica.
        checksum: of the table.
        trained: whether the model is trained by gradient (a baseline is fitted).
        rows: the table as a model sees it that generates whole rows; None for all other models.
        extra_targets: class paths that the user's own config folders may name.
        completed: what the imputer of a pipeline has made of the table, for the classifier that follows.
    """

    config: dict[str, Any]
    table: Table
    encoding: Encoding
    splits: list[Split]
    checksum: str
    signature: str
    trained: bool
    rows: Rows | None
    extra_targets: frozenset[str]
    completed: list[Completed] | None = None

    @classmethod
    def of(
        cls, config: dict[str, Any], extra_targets: frozenset[str] = frozenset(), like: Experiment | None = None
    ) -> Experiment:
        """Load the data and deal it to replicas.

        Args:
            like: an experiment of the same data, protocol, seed and seeds, whose table and splits are shared.

        Raises:
            UserError: the data cannot be had, or do not fit the protocol or the kind of model.
        """
        table = like.table if like else load_cut(config["dataset"])
        checksum = like.checksum if like else table.checksum()
        wanted = constructor(config["model"]["_target_"])
        encoding = like.encoding if like else Encoding.of(table)
        splits = like.splits if like else _dealt(config, table, encoding)
        return cls(
            config=config,
            table=table,
            encoding=encoding,
            splits=splits,
            checksum=checksum,
            signature=signature(config, checksum),
            trained=wanted.trained,
            rows=Rows.of(table, encoding) if wanted.generative else None,
            extra_targets=extra_targets,
        )

    @property
    def pipeline(self) -> bool:
        """Whether the model is made of two models, one after the other."""
        return "classifier" in self.config["model"]

    @property
    def folder(self) -> RunFolder:
        """Where the run lives."""
        names = self.config["dataset"]["name"], self.config["model"]["name"]
        return RunFolder.of(self.config["outputs"], *names, self.signature)

    @property
    def replicas(self) -> list[tuple[int, int]]:
        """(seed, fold) of each replica."""
        return [(split.seed, split.fold) for split in self.splits]

    @property
    def empty_columns(self) -> list[str]:
        """Columns without an observed value in some replica's training rows."""
        return [
            column.name
            for j, column in enumerate(self.table.columns)
            if any(bool(split.empty[j]) for split in self.splits)
        ]


def _dealt(config: dict[str, Any], table: Table, encoding: Encoding) -> list[Split]:
    return make_splits(table, encoding, Protocol(**config["protocol"]), config["seed"], config["seeds"])

"""From a checked config to the things of a run: data, splits, signature, folder, and its trained methods."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ganx.data.datasets import load_cut
from ganx.data.encoding import Encoding
from ganx.data.splits import Split, make_splits
from ganx.data.table import Table
from ganx.engine.build import SELECTED_BY, build_module, load_module
from ganx.engine.capabilities import CAPABILITIES, Answers, Method, ask, of_module
from ganx.engine.checkpoint import check_storable
from ganx.engine.chunk import layout
from ganx.engine.feature_network import FeatureNetwork
from ganx.engine.score import Data, score
from ganx.engine.views import Completed, Facts, View, check_protocol, open_view, view_class
from ganx.errors import UserError
from ganx.metrics.registry import metric_of
from ganx.run.folder import RunFolder
from ganx.run.signature import signature
from ganx.schema import Protocol
from ganx.targets import MethodSpec, spec

if TYPE_CHECKING:
    from ganx.engine.module import Module  # Lightning: only once a method is located

State = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """One run, before anything is written.

    Attributes:
        config: the resolved, checked config.
        spec: what its method says of itself.
        splits: one per replica.
        checksum: of the table.
        extra_targets: class paths that the user's own config folders may name.
        completed: what the stage before this one has made of the rows, for each replica.
    """

    config: dict[str, Any]
    spec: MethodSpec
    table: Table
    encoding: Encoding
    splits: list[Split]
    checksum: str
    signature: str
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
            UserError: the data cannot be had, or do not fit the protocol.
        """
        table = like.table if like else load_cut(config["dataset"], extra_targets)
        checksum = like.checksum if like else table.checksum()
        encoding = like.encoding if like else Encoding.of(table)
        splits = like.splits if like else _dealt(config, table, encoding)
        return cls(
            config=config,
            spec=spec(config["model"]),
            table=table,
            encoding=encoding,
            splits=splits,
            checksum=checksum,
            signature=signature(config, checksum),
            extra_targets=extra_targets,
        )

    @property
    def name(self) -> str:
        """Model and data set, for titles and messages."""
        return f"{self.config['model']['name']} on {self.table.name}"

    @property
    def identity(self) -> str:
        """The signature of what is fitted: of a stage, or of a second fit, another one than that of the run."""
        return signature(self.config, self.checksum)

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

    @property
    def facts(self) -> Facts:
        """What the method must know of the data."""
        return view_class(self.spec).facts(self.table, self.encoding)

    def with_model(self, model: dict[str, Any], **changes: Any) -> Experiment:
        """Return the same experiment with another model."""
        return replace(self, config={**self.config, "model": model, **changes}, spec=spec(model))

    # --- before training ---------------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse what the method cannot be trained on, before anything is written.

        Raises:
            UserError: data or protocol lack what the method reads, or nothing could be scored.
        """
        model, protocol = self.config["model"], self.config["protocol"]
        if not self.spec.capabilities & CAPABILITIES.keys():
            raise UserError(
                f"model={model['name']} defines nothing that could be asked of it, e.g. `impute` or `classify`"
            )
        if self.table.y is None and self.spec.capabilities & CAPABILITIES.keys() == {"classify"}:
            dataset = self.config["dataset"]
            cure = "name them, dataset.target=NAME" if "target" in dataset else "choose another data set"
            raise UserError(f"model={model['name']} learns classes and dataset={dataset['name']} has none: {cure}")
        check_protocol(model["name"], self.spec, self.table, protocol, self.config["hardware"]["precision"])
        if self.spec.fitter != "gradient":
            return
        if protocol["selection"] != "last" and not self.spec.capabilities & SELECTED_BY.keys():
            raise UserError(
                f"model={model['name']}: nothing to select a state by; protocol.selection=last, or protocol=generation"
            )
        if self.spec.reads == "domains" or self.spec.streams != ("all",):
            view = self.view(0, selecting=True)
            for stream in self.spec.streams:
                view.rows_of(stream)
        module = build_module(self.config, self.replicas[:1], self.facts, extra_targets=self.extra_targets)
        module.check_stack(max(layout(len(self.splits), model["max_replicas"])))
        check_storable(module.training_state())

    # --- after training ----------------------------------------------------------------------------------------

    def failed(self, state: State, replica: int) -> bool:
        """Whether a replica has failed."""
        return "{},{}".format(*self.replicas[replica]) in state["failed"]

    def view(self, replica: int, *, selecting: bool = False) -> View:
        """Return a replica's rows on the CPU, as they are when nothing is left to select, or (`selecting`) before."""
        split = self.splits[replica]
        completed = None if self.completed is None else [self.completed[replica]]
        return open_view(
            self.spec, self.table, self.encoding, [split if selecting else split.after_selection()], completed=completed
        )

    def module(self, state: State, replica: int, capability: str | None = None) -> Module:
        """Return a stack of one: a replica in the state that `capability` is asked in, None: in its last."""
        return self._module(state, replica, SELECTED_BY.get(capability or ""))

    def _module(self, state: State, replica: int, metric: str | None) -> Module:
        """Return a stack of one: a replica in the state that is best by a metric."""
        return load_module(self.config, state, replica, self.facts, metric, self.extra_targets)

    def method(self, state: State, replica: int, view: View, capability: str | None = None) -> Method:
        """Return the same as it is asked."""
        return of_module(self.module(state, replica, capability), view)

    def ask(self, state: State, replica: int) -> Answers:
        """Ask a trained replica for all that it can do, each in the state that it is asked in.

        Where another metric has a best state of its own (`rmse`, with `selection=test`), the answer in that state is
        there under the metric's name.
        """
        view = self.view(replica)
        names = self.askable(self.spec.capabilities)
        # All that take rows are asked in each state, since some draw noise one after another.
        of_rows = {name for name in names if CAPABILITIES[name].parts}
        by_state: dict[str | None, set[str]] = {}
        for name in names:
            best = SELECTED_BY.get(name)
            by_state.setdefault(best if best in state["best"] else None, set()).add(name)
        answers: Answers = {}
        for chosen in by_state.values():
            found = ask(self.method(state, replica, view, min(chosen)), view, of_rows | chosen)
            answers |= {name: answer for name, answer in found.items() if name in chosen}
        for metric in state["best"].keys() - by_state.keys():
            found = ask(of_module(self._module(state, replica, metric), view), view, of_rows)
            answers[metric] = found[metric_of(metric).needs]
        return answers

    def askable(self, capabilities: Collection[str]) -> list[str]:
        """Return the capabilities that the data give sense to: without a target there are no classes."""
        return [name for name in CAPABILITIES if name in capabilities and (self.table.n_classes or name != "classify")]

    def score(self, replica: int, answers: Answers, network: FeatureNetwork | None = None) -> dict[str, float]:
        """Return {metric: value} of a replica's answers."""
        return score(Data(self.view(replica), self.encoding, network, self.spec.conditional), answers)


def _dealt(config: dict[str, Any], table: Table, encoding: Encoding) -> list[Split]:
    return make_splits(table, encoding, Protocol(**config["protocol"]), config["seed"], config["seeds"])

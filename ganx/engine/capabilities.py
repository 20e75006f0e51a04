"""What methods can do, and the one loop that asks them.

A capability is a method of a class; which a class has is read from its source (`ganx.targets.spec`). Its argument is
what the view gives (`View.arguments`): x and m of cells, x of examples. Tensors have the replica axis R first; an
estimator gets and returns arrays of one replica, without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganx.engine.views import Cells, Domains, Examples, View
from ganx.errors import UserError
from ganx.metrics.truths import Clusters, Embeddings, Samples

Floats = NDArray[np.floating]
Index = NDArray[np.int64]
Answers = dict[str, Any]

MIXTURE_SAMPLES = 2500  # of a mixture, as in PacGAN; of other data as many as there are test rows
MOST_ROWS = 10_000  # rows of a part that whole examples are asked about


@dataclass(frozen=True)
class Capability:
    """What a method is asked when a run is scored, and what it returns.

    Attributes:
        parts: rows it is asked about: `test`, `train` (to name clusters, or for neighbours); none: it takes no rows.
        returns: shape, and what it is.
    """

    parts: tuple[str, ...]
    returns: str


#: In the order in which they are asked: some draw noise.
CAPABILITIES = {
    "impute": Capability(("test",), "(R, B, d), observed cells as they are"),
    "classify": Capability(("test",), "(R, B, K) probabilities"),
    "cluster": Capability(("test", "train"), "(R, B, K) probabilities of clusters; an estimator: (n,) indices"),
    "embed": Capability(("test", "train"), "(R, B, e)"),
    "reconstruct": Capability(("test",), "like x"),
    "anomaly": Capability(("test",), "(R, B), the larger the more abnormal"),
    "log_likelihood": Capability(("test",), "(R, B) nats, or a lower bound"),
    "sample": Capability((), "n rows (R, n, *shape) and their categories (R, n, K)"),
    "prior": Capability((), "(R, K)"),
    "estimate": Capability((), "{name: (R, ...)}, in the units of x"),
}


class Method(NamedTuple):
    """A trained method as the loop sees it, one replica.

    Attributes:
        call: (capability, arguments) -> arrays.
        about: (capability, view, batch) -> array, for capabilities that take rows.
        noise: what it draws from meanwhile; the same at every call.
        portion: rows that are asked about at a time; None: all.
    """

    call: Callable[..., Any]
    about: Callable[[str, View, Any], Any]
    noise: Callable[[], AbstractContextManager[None]]
    portion: int | None


def of_module(module: Any, view: View) -> Method:
    """Return a module, a stack of one, as the loop sees it."""

    def call(name: str, *arguments: Any) -> Any:
        return _first(name, getattr(module, name)(*arguments))

    def about(name: str, view: View, batch: Any) -> Any:
        return call(name, *view.arguments(batch)).astype(np.float64)

    return Method(call, about, module.evaluation_noise, view.portion)


def of_estimator(estimator: Any) -> Method:
    """Return an estimator as the loop sees it."""

    def call(name: str, *arguments: Any) -> Any:
        return getattr(estimator, name)(*arguments)

    def about(name: str, view: View, batch: Any) -> Any:
        return np.asarray(call(name, *view.arrays(batch)))

    return Method(call, about, nullcontext, None)


def ask(method: Method, view: View, names: Collection[str]) -> Answers:
    """Ask one replica for all of `names`, on the rows that each is about.

    Args:
        view: of this replica alone, as it is when nothing is left to select.

    Returns:
        {capability: answer}: `impute` (n, d) in metric units; `cluster` as `Clusters`; `embed` as `Embeddings`;
        `sample` as `Samples`; everything else as an array of the replica.
    """
    answers: Answers = {}
    for part in ("test", "train"):
        asked = [name for name, one in CAPABILITIES.items() if name in names and part in one.parts]
        rows = rows_asked(view, part)
        if asked and len(rows):
            for name, answer in about(method, view, rows, asked).items():
                answers.setdefault(name, {})[part] = answer
    for name, by_part in answers.items():
        answers[name] = _TRANSLATED.get(name, _of_test)(view, by_part)
    with torch.no_grad():
        answers |= {name: method.call(name) for name in ("prior", "estimate") if name in names}
    if "sample" in names:
        answers["sample"] = samples(method, view, n_samples(view))
    return answers


@torch.no_grad()
def about(method: Method, view: View, rows: Index, names: Collection[str]) -> dict[str, Any]:
    """Return what a replica answers about rows (n,) of the table, portion by portion, {capability: (n, ...)}."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    with method.noise():
        for start in range(0, len(rows), size := method.portion or len(rows)):
            batch = view.batch(view.tensor(rows[start : start + size]).unsqueeze(0))
            for name in names:
                found[name].append(answer := method.about(name, view, batch))
                check_shape(name, answer, view.arguments(batch)[0].shape[1:], 1)
    return {name: np.concatenate(portions) for name, portions in found.items()}


def check_shape(name: str, answer: Any, x: Sequence[int], lead: int) -> None:
    """Refuse an answer of another shape than `CAPABILITIES` says.

    Args:
        x: shape of the rows that were asked about.
        lead: how many of its axes number them: 1 for one replica, 2 for a stack.

    Raises:
        UserError: so it is.
    """
    rows = tuple(x[:lead])
    expected: dict[str, tuple[int | str, ...]] = {
        "impute": tuple(x),
        "reconstruct": tuple(x),
        "classify": (*rows, "K"),
        "cluster": (*rows, "K"),
        "embed": (*rows, "e"),
    }
    wanted, got = expected.get(name, rows), tuple(answer.shape)
    fits = len(got) == len(wanted) and all(w in (g, "K", "e") for g, w in zip(got, wanted, strict=True))
    if not fits and not (name == "cluster" and got == rows):
        raise UserError(f"model: `{name}` returned an array of shape {_shape(got)}; expected {_shape(wanted)}")


def _shape(sizes: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"


@torch.no_grad()
def samples(method: Method, view: View, n: int) -> Samples:
    """Return n generated rows as cells (n, D), and their categories (n,), -1 without any."""
    assert isinstance(view, Examples)
    cells, categories = [], []
    with method.noise():
        for start in range(0, n, size := method.portion or n):
            x, c = method.call("sample", min(size, n - start))
            cells.append(view.units.cells(x))
            categories.append(numbers(c))
    return Samples(np.concatenate(cells), np.concatenate(categories))


def rows_asked(view: View, part: str) -> Index:
    """Return the rows (n,) of a part, `test` or `train`, that the only replica of a view is asked about."""
    table, split = view.table, view.splits[0]
    rows = split.test if part == "test" else split.rows
    if isinstance(view, Cells):
        return rows
    if isinstance(view, Domains) and table.domain is not None:
        rows = rows[table.domain[rows] == int(part == "test")]
    elif part == "train" and table.y is not None:
        rows = rows[table.y[rows] >= 0]  # they are asked about for the sake of their labels
    return thinned(rows)


def n_samples(view: View) -> int:
    """Return how many rows are generated to be scored."""
    return len(rows_asked(view, "test")) if view.table.mixture is None else MIXTURE_SAMPLES


def thinned(rows: Index) -> Index:
    """Return at most MOST_ROWS of the rows, evenly spread."""
    return rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)]


def numbers(c: NDArray[Any]) -> Index:
    """Return the number of each one-hot category; -1 where there are none. (n, K) -> (n,)."""
    found: Index = c.argmax(1) if c.shape[1] else np.full(len(c), -1)
    return found


def _first(name: str, answer: Any) -> Any:
    """Return the only replica's part of an answer, as arrays."""
    if isinstance(answer, Mapping):
        return {key: _first(name, value) for key, value in answer.items()}
    if isinstance(answer, tuple):
        return tuple(_first(name, part) for part in answer)
    if not isinstance(answer, Tensor) or answer.ndim == 0 or len(answer) != 1:
        got = _shape(tuple(answer.shape)) if isinstance(answer, Tensor) else type(answer).__name__
        raise UserError(f"model: `{name}` returned {got}; expected tensors (R, ...), R = 1 replica")
    return answer[0].cpu().numpy()


def _imputed(view: View, by_part: dict[str, Floats]) -> Floats:
    split = view.splits[0]
    imputed: Floats = by_part["test"] * split.span + split.low
    return imputed


def _of_test(view: View, by_part: dict[str, Floats]) -> Floats:
    return by_part["test"]


def _classified(view: View, by_part: dict[str, Floats]) -> Floats:
    k = view.table.n_classes
    if k and by_part["test"].shape[1] != k:
        raise UserError(f"model: `classify` returned {by_part['test'].shape[1]} probabilities of {k} classes")
    return by_part["test"]


def _clusters(view: View, by_part: dict[str, Any]) -> Clusters:
    def indices(answer: Any) -> Index:
        return np.asarray(answer if answer.ndim == 1 else answer.argmax(1), dtype=np.int64)

    test = by_part["test"]
    train = indices(by_part.get("train", np.empty(0)))
    n = test.shape[1] if test.ndim == 2 else 1 + int(max(train.max(initial=0), test.max(initial=0)))
    return Clusters(train, indices(test), n)


def _embeddings(view: View, by_part: dict[str, Floats]) -> Embeddings:
    return Embeddings(by_part.get("train", by_part["test"][:0]), by_part["test"])


_TRANSLATED: dict[str, Callable[[View, dict[str, Any]], Any]] = {
    "impute": _imputed,
    "classify": _classified,
    "cluster": _clusters,
    "embed": _embeddings,
}

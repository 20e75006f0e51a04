"""What a method says of itself, read from its source."""

from pathlib import Path
from typing import Any

import pytest

from ganx.errors import UserError
from ganx.targets import MethodSpec, last_stage, spec


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function from source code to the spec of its last class."""
    monkeypatch.syspath_prepend(str(tmp_path))
    count = iter(range(100))

    def read(code: str) -> MethodSpec:
        name = f"said_{abs(hash(tmp_path))}_{next(count)}"
        (tmp_path / f"{name}.py").write_text(code)
        last = [line for line in code.splitlines() if line.startswith("class ")][-1]
        return spec({"_target_": f"{name}.{last.removeprefix('class ').partition('(')[0].rstrip(':')}"})

    return read


MODULE = "from ganx.engine.module import Module\n"


def test_a_mixin_may_stand_first(said: Any) -> None:
    found = said(
        f"{MODULE}class Mixin:\n    def embed(self, x): return x\n"
        "class Mine(Mixin, Module):\n    def outer_step(self, batch): pass\n    def classify(self, x): return x\n"
    )
    assert found.fitter == "gradient"
    assert found.capabilities == {"embed", "classify"}
    assert (found.reads, found.streams, found.losses, found.penalties) == ("cells", ("all",), (), (None,))


def test_what_only_raises_is_no_capability(said: Any) -> None:
    found = said(
        "from abc import abstractmethod\n"
        f"{MODULE}class Base(Module):\n"
        "    def impute(self, x, m): return x\n"
        '    def embed(self, x):\n        """Say."""\n        raise NotImplementedError\n'
        "    @abstractmethod\n    def cluster(self, x): ...\n"
        "class Mine(Base):\n    def outer_step(self, batch): pass\n"
        "    def impute(self, x, m): raise NotImplementedError('no more')\n"
    )
    assert found.capabilities == set()


def test_attributes_come_from_bases_and_the_nearest_counts(said: Any) -> None:
    found = said(
        f"{MODULE}class Base(Module):\n    reads = 'examples'\n    losses: tuple = ('wgan',)\n"
        "class Mine(Base):\n    streams = ('labelled', 'unlabelled')\n    losses = ('hinge',)\n"
        "    def outer_step(self, batch): pass\n"
    )
    assert (found.reads, found.streams, found.losses) == ("examples", ("labelled", "unlabelled"), ("hinge",))


def test_bases_from_installed_packages_contribute_nothing(said: Any) -> None:
    found = said(
        "from sklearn.cluster import KMeans\nclass Mine(KMeans):\n    def cluster(self, x): return x\n"
        "    def fit(self, x, m, y): pass\n"
    )
    assert found.fitter == "estimator"
    assert found.parameters == {}
    with pytest.raises(UserError, match="no method"):
        said("from sklearn.cluster import KMeans\nclass Mine(KMeans):\n    pass\n")


def test_a_class_that_is_no_method_is_named() -> None:
    with pytest.raises(UserError, match=r"model\._target_=ganx\.data\.table\.Table: no method"):
        spec({"_target_": "ganx.data.table.Table"})


def test_a_blend_can_do_what_it_blends() -> None:
    found = spec({"_target_": "ganx.run.best.Best"})
    assert found.fitter == "blend"
    assert found.blends == {"candidates": "impute", "classifiers": "classify"}
    assert found.capabilities == {"impute", "classify"}


def test_a_chain_can_do_what_its_stages_can() -> None:
    stages = {
        "imputer": {"_target_": "ganx.baselines.mice.MICE"},
        "classifier": {"_target_": "ganx.methods.mlp.MLP", "name": "mlp"},
    }
    model = {"_target_": "ganx.run.pipeline.Pipeline", "balancer": "none", **stages}
    found = spec(model)
    assert (found.fitter, found.stages) == ("chain", ("imputer", "classifier"))
    assert {"impute", "classify"} <= found.capabilities
    assert last_stage(model) == stages["classifier"]
    assert last_stage(stages["imputer"]) == stages["imputer"]

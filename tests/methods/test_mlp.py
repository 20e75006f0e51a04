from pathlib import Path

import pytest
import torch

from ganx import cli
from ganx.losses.balance import classification_loss
from ganx.methods.mlp import MLP
from tests.engine.conftest import build, make_experiment, walk


@pytest.mark.parametrize("balance", ["none", "cs", "crl"])
def test_it_learns_and_answers_with_probabilities(balance: str) -> None:
    module, loader = build(make_experiment("model=mlp", f"model.balance={balance}"))
    assert isinstance(module, MLP)
    walk(module, loader, 200)
    losses = module.block_losses()["c"]
    assert bool((losses[-10:].mean(0) < 0.7 * losses[:10].mean(0)).all())
    batch = loader.block(0, 1)[0]
    with torch.no_grad():
        p = module.classify(batch.x, batch.m)
    assert p.shape == batch.y.shape
    torch.testing.assert_close(p.sum(2), torch.ones_like(p[..., 0]))


def test_the_loss_is_that_of_the_labelled_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    module, loader = build(make_experiment("model=mlp", "model.hide=0.0", "model.balance=cs"))
    assert isinstance(module, MLP)
    batch = loader.block(0, 1)[0]
    losses = []
    monkeypatch.setattr(module, "update", lambda player, loss: losses.append(loss))
    module.outer_step(batch)
    torch.testing.assert_close(losses, [classification_loss(module.logits(batch.x, batch.m), batch.y, "cs")])


def test_unknown_cells_do_not_enter() -> None:
    module, loader = build(make_experiment("model=mlp"))
    assert isinstance(module, MLP)
    batch = loader.block(0, 1)[0]
    other = torch.where(batch.m == 1, batch.x, torch.rand_like(batch.x))
    assert torch.equal(module.logits(batch.x, batch.m), module.logits(other, batch.m))


@pytest.mark.parametrize("model", ["mlp", "triplegan"])
def test_a_table_without_a_target_is_refused(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text("u,v\n" + "".join(f"{i % 7},{i % 5}.5\n" for i in range(40)))
    assert cli.main(["train", f"model={model}", "dataset=csv", "dataset.path=own.csv"]) == 2
    told = capsys.readouterr().err
    assert "dataset.target" in told
    assert told.count("\n") == 1
    assert not Path("outputs").exists()

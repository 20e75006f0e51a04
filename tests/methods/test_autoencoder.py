import pytest
import torch

from ganx.engine.batch import TabularBatch
from ganx.methods.autoencoder import Autoencoder
from tests.engine.conftest import build, make_experiment, walk


def make_autoencoder(*overrides: str) -> tuple[Autoencoder, TabularBatch]:
    module, loader = build(make_experiment("model=autoencoder", "model.hidden=[16]", *overrides))
    assert isinstance(module, Autoencoder)
    return module, loader.block(0, 1)[0]


def test_the_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squared error over all observed cells, whether the network has seen them or not."""
    module, batch = make_autoencoder("model.hide=1.0")
    losses = []
    monkeypatch.setattr(module, "update", lambda player, loss: losses.append(loss))
    module.outer_step(batch)
    x_bar = module.reconstruct(batch.x, torch.zeros_like(batch.m))
    by_hand = torch.stack([(batch.x - x_bar)[r][batch.m[r] == 1].square().mean() for r in range(4)])
    torch.testing.assert_close(losses, [by_hand])


def test_without_hiding_it_sees_all_that_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = make_autoencoder("model.hide=0.0")
    seen = []
    honest = module.reconstruct
    monkeypatch.setattr(module, "update", lambda player, loss: None)
    monkeypatch.setattr(module, "reconstruct", lambda x, m: seen.append(m) or honest(x, m))
    module.outer_step(batch)
    assert torch.equal(seen[0], batch.m)


def test_unknown_cells_do_not_enter() -> None:
    module, batch = make_autoencoder()
    other = torch.where(batch.m == 1, batch.x, torch.rand_like(batch.x))
    assert torch.equal(module.reconstruct(batch.x, batch.m), module.reconstruct(other, batch.m))


def test_imputing_leaves_observed_cells_alone() -> None:
    module, batch = make_autoencoder()
    with torch.no_grad():
        filled = module.impute(batch.x, batch.m)
    assert torch.equal(filled[batch.m == 1], batch.x[batch.m == 1])


def test_the_loss_falls() -> None:
    module, loader = build(make_experiment("model=autoencoder", "model.hidden=[16]"))
    walk(module, loader, 200)
    losses = module.block_losses()["net"]
    assert bool((losses[-10:].mean(0) < 0.7 * losses[:10].mean(0)).all())

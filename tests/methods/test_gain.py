"""GAIN beside its paper: the losses by hand, the hint of paper and code, and who learns from what."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.compose import compose
from ganx.engine.batch import TabularBatch
from ganx.methods.gain import GAIN
from ganx.run.experiment import Experiment
from tests.engine.conftest import build, make_experiment, walk


def make_gain(*overrides: str) -> tuple[GAIN, TabularBatch]:
    module, loader = build(make_experiment("model=gain", *overrides))
    assert isinstance(module, GAIN)
    module._losses = [{}]
    return module, loader.block(0, 1)[0]


def completed(module: GAIN, batch: TabularBatch) -> Tensor:
    return torch.lerp(module.x_bar_of(batch.x, batch.m), batch.x, batch.m).detach()


def test_discriminator_moves_before_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = make_gain()
    moved: list[str] = []
    monkeypatch.setattr(module, "update", lambda player, loss: moved.append(player))
    module.outer_step(batch)
    assert moved == ["d", "g"]


@pytest.mark.parametrize("player", ["g", "d"])
def test_an_update_moves_one_player_alone(player: str) -> None:
    module, batch = make_gain()
    x_bar = module.x_bar_of(batch.x, batch.m)
    x_hat, b = torch.lerp(x_bar, batch.x, batch.m), module.revealed(64)
    if player == "g":
        loss = module.loss_g(batch, x_hat, batch.m, b) + module.loss_m(batch, x_bar)
    else:
        loss = module.loss_d(batch, x_hat.detach(), batch.m, b)
    assert loss.shape == (4,)
    before = {name: [p.detach().clone() for p in parameters] for name, parameters in module.players.items()}
    module.update(player, loss)
    for name, parameters in module.players.items():
        same = all(torch.equal(a, b) for a, b in zip(before[name], parameters, strict=True))
        assert same == (name != player), name


def test_the_authors_losses_by_hand() -> None:
    module, batch = make_gain("model.hint=authors")
    x_hat, m, b = completed(module, batch), batch.m, module.revealed(64)
    with torch.no_grad():
        guess = module.d(torch.cat([x_hat, m * b], 2)).sigmoid()
        loss_d, loss_g = module.loss_d(batch, x_hat, m, b), module.loss_g(batch, x_hat, m, b)
    by_hand = F.binary_cross_entropy(guess, m, reduction="none").mean((1, 2))
    torch.testing.assert_close(loss_d, by_hand)
    torch.testing.assert_close(loss_g, -((1 - m) * guess.log()).mean((1, 2)))


def test_the_papers_losses_by_hand() -> None:
    module, batch = make_gain("model.hint=paper", "model.hint_rate=null")
    x_hat, m, b = completed(module, batch), batch.m, module.revealed(64)
    with torch.no_grad():
        guess = module.d(torch.cat([x_hat, torch.where(b == 1, m, 0.5)], 2)).sigmoid()
        loss_d, loss_g = module.loss_d(batch, x_hat, m, b), module.loss_g(batch, x_hat, m, b)
    hidden = b == 0
    for r in range(4):
        m_r, guess_r = m[r][hidden[r]], guess[r][hidden[r]]
        torch.testing.assert_close(loss_d[r], F.binary_cross_entropy(guess_r, m_r))
        torch.testing.assert_close(loss_g[r], -((1 - m_r) * guess_r.log()).mean())


def test_the_hint_reveals_all_cells_of_a_row_but_one() -> None:
    module, _ = make_gain("model.hint_rate=null")
    b = module.revealed(500)
    assert bool((b.sum(2) == 12).all())
    assert bool((b.sum(1) < 500).all())  # each column is kept back at times


def test_the_hint_reveals_its_share() -> None:
    module, _ = make_gain("model.hint_rate=0.7")
    assert float(module.revealed(500).mean()) == pytest.approx(0.7, abs=0.02)


def test_reconstruction_sees_observed_cells_only() -> None:
    module, batch = make_gain()
    x_bar = torch.rand_like(batch.x)
    elsewhere = torch.where(batch.m == 1, x_bar, torch.rand_like(x_bar))
    torch.testing.assert_close(module.loss_m(batch, x_bar), module.loss_m(batch, elsewhere))
    by_hand = (batch.x - x_bar)[0][batch.m[0] == 1].square().mean()
    torch.testing.assert_close(module.loss_m(batch, x_bar)[0], by_hand)


def test_the_generator_cannot_see_what_is_hidden() -> None:
    module, batch = make_gain("model.noise=0.0")
    other = torch.where(batch.m == 1, batch.x, torch.rand_like(batch.x))
    torch.testing.assert_close(module.x_bar_of(batch.x, batch.m), module.x_bar_of(other, batch.m))


def test_imputing_leaves_observed_cells_alone() -> None:
    module, batch = make_gain()
    with torch.no_grad():
        filled = module.impute(batch.x, batch.m)
    assert torch.equal(filled[batch.m == 1], batch.x[batch.m == 1])
    missing = filled[batch.m == 0]
    assert bool(((missing > 0) & (missing < 1)).all())


def test_it_learns() -> None:
    """After 300 steps, hidden cells are nearer to the truth than with the middle of the range."""
    module, loader = build(make_experiment("model=gain", "model.hidden.g=[64]"))
    assert isinstance(module, GAIN)
    walk(module, loader, 300)
    rows = torch.arange(150).expand(4, -1)
    batch = module.data.batch(rows)
    truth = (module.data.features[rows] - module.data.low) / module.data.span
    with torch.no_grad():
        filled = module.impute(batch.x, batch.m)
    hidden = batch.missing == 1
    assert float((filled - truth)[hidden].square().mean()) < 0.6 * float((0.5 - truth)[hidden].square().mean())


@pytest.mark.parametrize("preset", ["gain_paper", "gain_authors"])
def test_presets_take_steps(preset: str) -> None:
    config = compose("train", ["dataset=wine", f"experiment={preset}", "protocol.folds=2"])
    assert config["model"]["hide"] == 0
    assert config["optimizer"]["name"] == "adam"
    module, loader = build(Experiment.of(config))
    walk(module, loader, 2)
    assert [p.shape[-1] for p in module.players["g"][::2]] == [13, 13, 13]
    assert set(module.block_losses()) == {"d", "g"}


def test_a_replica_in_a_stack_agrees_with_itself_alone() -> None:
    experiment = make_experiment("model=gain")
    stack, stack_loader = build(experiment)
    alone, alone_loader = build(experiment, slice(3, 4))
    walk(stack, stack_loader, 20)
    walk(alone, alone_loader, 20)
    for name, losses in alone.block_losses().items():
        torch.testing.assert_close(stack.block_losses()[name][:, 3], losses[:, 0], rtol=1e-5, atol=1e-5)

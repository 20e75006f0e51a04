"""Triple-GAN beside its paper: the order of Algorithm 1, each loss by hand, and who learns from what."""

import pytest
import torch
from torch.nn import functional as F

from ganx.engine.batch import TabularBatch
from ganx.methods.triplegan import TripleGAN
from tests.engine.conftest import build, make_experiment, walk


def make_triplegan(*overrides: str) -> tuple[TripleGAN, TabularBatch]:
    module, loader = build(make_experiment("model=triplegan", *overrides))
    assert isinstance(module, TripleGAN)
    module._losses = [{}]
    return module, loader.block(0, 1)[0]


def test_players_move_in_the_order_of_algorithm_1(monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = make_triplegan()
    moved: list[str] = []
    monkeypatch.setattr(module, "update", lambda player, loss: moved.append(player))
    module.outer_step(batch)
    assert moved == ["d", "c", "g"]


@pytest.mark.parametrize("player", ["g", "d", "c"])
def test_an_update_moves_one_player_alone(player: str) -> None:
    module, batch = make_triplegan("model.pseudo_from=0")
    x_g = module.rows_for(batch.y)
    loss = {
        "d": lambda: module.loss_d(batch, x_g.detach()),
        "c": lambda: module.loss_c(batch, x_g.detach()),
        "g": lambda: module.loss_g(batch, x_g),
    }[player]()
    assert loss.shape == (4,)
    before = {name: [p.detach().clone() for p in parameters] for name, parameters in module.players.items()}
    module.update(player, loss)
    for name, parameters in module.players.items():
        same = all(torch.equal(a, b) for a, b in zip(before[name], parameters, strict=True))
        assert same == (name != player), name


def test_the_discriminators_loss_by_hand() -> None:
    module, batch = make_triplegan("model.alpha=0.3")
    with torch.no_grad():
        x_g = module.rows_for(batch.y)
        loss = module.loss_d(batch, x_g)
        y_c = F.one_hot(module.classify(batch.x, batch.m).argmax(2), 3).float()
        real = module.judge(batch.x, batch.m, batch.y).squeeze(2).sigmoid()
        classified = module.judge(batch.x, batch.m, y_c).squeeze(2).sigmoid()
        generated = module.judge(x_g, batch.m, batch.y).squeeze(2).sigmoid()
    for r in range(4):
        known = batch.labelled[r, :, 0] == 1
        by_hand = -real[r][known].log().mean() - 0.3 * (1 - classified[r][~known]).log().mean()
        torch.testing.assert_close(loss[r], by_hand - 0.7 * (1 - generated[r][known]).log().mean())


def test_the_classifiers_loss_by_hand() -> None:
    module, batch = make_triplegan("model.alpha=0.3", "model.alpha_p=0.2", "model.pseudo_from=5", "model.balance=none")
    with torch.no_grad():
        x_g = module.rows_for(batch.y)
        p = module.classify(batch.x, batch.m)
        p_of_generated = module.classify(x_g, batch.m)
        confidence, guess = p.max(2)
        believed = module.judge(batch.x, batch.m, F.one_hot(guess, 3).float()).squeeze(2).sigmoid()
        before = module.loss_c(batch, x_g)
        module.step = 5
        after = module.loss_c(batch, x_g)
    for r in range(4):
        known = batch.labelled[r, :, 0] == 1
        r_l = F.nll_loss(p[r][known].log(), batch.y[r][known].argmax(1))
        r_p = F.nll_loss(p_of_generated[r][known].log(), batch.y[r][known].argmax(1))
        adversarial = -(confidence[r] * believed[r].log())[~known].mean()
        torch.testing.assert_close(before[r], r_l + 0.3 * adversarial)
        torch.testing.assert_close(after[r], r_l + 0.3 * adversarial + 0.2 * r_p)


def test_the_adversarial_cost_teaches_the_classifier() -> None:
    """Without a single label there is still a gradient: the confidence carries it."""
    module, batch = make_triplegan()
    unlabelled = batch._replace(y=torch.zeros_like(batch.y), labelled=torch.zeros_like(batch.labelled))
    loss = module.loss_c(unlabelled, module.rows_for(batch.y).detach())
    gradients = torch.autograd.grad(loss.sum(), module.players["c"])
    assert all(float(g.abs().sum()) > 0 for g in gradients[:2])


def test_generated_rows_wear_real_masks() -> None:
    """What D sees of a generated row does not depend on the cells that its real counterpart lacks."""
    module, batch = make_triplegan()
    x_g = module.rows_for(batch.y).detach()
    other = torch.where(batch.m == 1, x_g, torch.rand_like(x_g))
    torch.testing.assert_close(module.loss_g(batch, x_g), module.loss_g(batch, other))
    torch.testing.assert_close(module.loss_d(batch, x_g), module.loss_d(batch, other))


def test_samples_are_rows_of_the_asked_classes() -> None:
    module, loader = build(make_experiment("model=triplegan"))
    assert isinstance(module, TripleGAN)
    walk(module, loader, 600)
    y = torch.eye(3).repeat(100, 1).expand(4, -1, -1)
    with torch.no_grad():
        rows = module.rows_for(y)
        guess = module.classify(rows, torch.ones_like(rows)).argmax(2)
    assert rows.shape == (4, 300, 13)
    assert bool(((rows > 0) & (rows < 1)).all())
    assert float((guess == y.argmax(2)).float().mean()) > 0.8


def test_a_replica_in_a_stack_agrees_with_itself_alone() -> None:
    experiment = make_experiment("model=triplegan", "model.balance=crl")
    stack, stack_loader = build(experiment)
    alone, alone_loader = build(experiment, slice(3, 4))
    walk(stack, stack_loader, 20)
    walk(alone, alone_loader, 20)
    for name, losses in alone.block_losses().items():
        torch.testing.assert_close(stack.block_losses()[name][:, 3], losses[:, 0], rtol=1e-5, atol=1e-5)

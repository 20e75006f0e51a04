"""HexaGAN beside its paper: the order of Algorithm 2, each loss by hand, and who learns from what."""

import pytest
import torch
from torch import Tensor

from ganx.engine import penalty
from ganx.engine.batch import TabularBatch
from ganx.engine.start import Shown
from ganx.errors import UserError
from ganx.losses.elementwise import cell_weights, expected_score
from ganx.methods.hexagan import HexaGAN, class_counts
from tests.engine.conftest import build, make_experiment, walk

PLAYERS = {"e", "g_mi", "d_mi", "g_cg", "d_cg", "c"}
NOISE = ("experiment=hexagan_noise",)
COPULA = (
    *("model.start=copula", "model.latent=8"),
    "model.hidden={e: [8], g_mi: [], d_mi: [8], g_cg: [8], d_cg: [8], c: []}",
)


def make_hexagan(*overrides: str) -> tuple[HexaGAN, TabularBatch]:
    module, loader = build(make_experiment(*NOISE, *overrides))
    assert isinstance(module, HexaGAN)
    module._losses = [{}]
    return module, loader.block(0, 1)[0]


@pytest.mark.parametrize(("n_critic", "n_cg"), [(1, 1), (3, 2)])
def test_players_move_in_the_order_of_algorithm_2(n_critic: int, n_cg: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = make_hexagan(f"model.n_critic={n_critic}", f"model.n_cg={n_cg}")
    moved: list[str] = []
    monkeypatch.setattr(module, "update", lambda player, loss: moved.append(player))
    module.outer_step(batch)
    expected = ["d_mi"] * n_critic + ["e", "g_mi"] + (["d_cg"] * n_critic + ["g_cg"]) * n_cg + ["c"]
    assert moved == expected


@pytest.mark.parametrize("start", [NOISE, COPULA], ids=["noise", "copula"])
@pytest.mark.parametrize("player", sorted(PLAYERS))
def test_an_update_moves_one_player_alone(player: str, start: tuple[str, ...]) -> None:
    module, batch = make_hexagan(*start)
    if start is COPULA:  # G_MI adds nothing yet, so that E gets no gradient
        torch.nn.init.ones_(module.g_mi.layers[-1].weight)
    h = module.encode(batch.x, batch.m)
    h_c, y_c = module.hidden_for(batch, class_counts(batch))
    loss = {
        "d_mi": lambda: module.loss_d_mi(batch),
        "e": lambda: module.loss_imputation(batch, h),
        "g_mi": lambda: module.loss_imputation(batch, h),
        "d_cg": lambda: module.loss_d_cg(batch, h, h_c, y_c),
        "g_cg": lambda: module.loss_g_cg(batch, h_c, y_c),
        "c": lambda: module.loss_c(batch, h),
    }[player]()
    assert loss.shape == (4,)
    before = {name: [p.detach().clone() for p in parameters] for name, parameters in module.players.items()}
    module.update(player, loss)
    for name, parameters in module.players.items():
        same = all(torch.equal(a, b) for a, b in zip(before[name], parameters, strict=True))
        assert same == (name != player), name


def test_reconstruction_sees_observed_cells_only() -> None:
    module, batch = make_hexagan()
    x_bar = torch.rand_like(batch.x)
    elsewhere = torch.where(batch.m == 1, x_bar, torch.rand_like(x_bar))
    torch.testing.assert_close(module.loss_recon(batch, x_bar), module.loss_recon(batch, elsewhere))
    row, mask, guess = batch.x[0, 0], batch.m[0, 0] == 1, x_bar[0, 0]
    by_hand = (row[mask] - guess[mask]).square().mean()
    one_row = TabularBatch(*(part[:1, :1] for part in batch))
    torch.testing.assert_close(module.loss_recon(one_row, x_bar[:1, :1])[0], by_hand)


def test_expected_score_by_hand() -> None:
    scores = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    cells = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    torch.testing.assert_close(expected_score(scores, cells, "sum"), torch.tensor([(1 + 3 + 4) / 3]))
    torch.testing.assert_close(expected_score(scores, cells, "mean"), torch.tensor([((1 + 3) / 2 + 4) / 2]))


def test_labels_under_sum_have_means_over_their_own_rows() -> None:
    """The slides: L_DMI^(d+1) = E_u[D_(d+1)] - E_l[D_(d+1)] and L_C = -E_u[D_(d+1)], however few rows u has."""
    module, batch = make_hexagan("model.reduction=sum", "model.lambda_1=0.0")
    scores = torch.rand(4, batch.x.shape[1], module.d + 1)
    module.with_penalty = lambda *_: (scores, torch.zeros(4))  # type: ignore[method-assign]
    module.d_mi.forward = lambda rows: scores  # type: ignore[method-assign]
    loss_d_mi, loss_c = module.loss_d_mi(batch), module.loss_pseudo_label(batch, batch.x)
    for r, unlabelled in enumerate(batch.labelled.squeeze(2) == 0):
        assert 0 < unlabelled.sum() < unlabelled.numel() / 2
        cells, labels = scores[r, :, : module.d], scores[r, :, module.d]
        of_cells = (cells * (batch.missing[r] - batch.m[r])).sum(1).mean()
        of_labels = labels[unlabelled].mean() - labels[~unlabelled].mean()
        torch.testing.assert_close(loss_d_mi[r], of_cells + of_labels)
        torch.testing.assert_close(loss_c[r], -labels[unlabelled].mean())


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_penalty_is_a_mean_over_the_observed_cells_of_each_column(reduction: str) -> None:
    """Summed over columns (the slides), or averaged (the authors' code)."""
    module, batch = make_hexagan(f"model.reduction={reduction}")
    judged = module.judged(batch, batch.x)
    module.judged = lambda *_: judged  # type: ignore[method-assign]
    of_columns = []
    for j in range(module.d):
        rows = judged[0].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(module.d_mi(rows)[..., j].sum(), rows)
        squares = gradient[..., : module.d].square().sum(2)
        of_columns.append((squares * batch.m[..., j]).sum(1) / batch.m[..., j].sum(1))
    expected = sum(of_columns) / (1 if reduction == "sum" else module.d)
    with_penalty = module.loss_d_mi(batch)
    module.lambda_1 = 0.0
    torch.testing.assert_close(with_penalty - module.loss_d_mi(batch), 10 * expected)


def test_g_cg_answers_to_the_authors_critic_for_labels_and_beside_the_tables_cells() -> None:
    """a_j = mean[D_j (1 - m_j)] / mean[1 - m_j] over rows of the table and generated ones; L_GMI = -mean_j a_j."""
    module, batch = make_hexagan("model.critic=authors", "model.reduction=mean")
    with torch.no_grad():
        h_c, y_c = module.hidden_for(batch, class_counts(batch))
        scores = module.d_mi(torch.cat([module.g_mi(h_c), y_c], 2))
        fake = torch.cat([batch.missing, (1 - batch.labelled).expand(-1, -1, module.k)], 2)
        a = scores.sum(1) / (fake.sum(1) + batch.x.shape[1])
        with_g_mi = module.loss_g_cg(batch, h_c, y_c)
        module.alpha_2 = 0.0
        torch.testing.assert_close(with_g_mi - module.loss_g_cg(batch, h_c, y_c), -a.mean(1))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_generator_and_critic_pull_apart(reduction: str) -> None:
    """L_GMI is the fake part of L_DMI with the other sign, over features (the critic's also covers labels)."""
    module, batch = make_hexagan(f"model.reduction={reduction}", "model.lambda_1=0.0", "protocol.label_rate=1.0")
    scores = torch.rand(4, batch.x.shape[1], module.d)
    critic = expected_score(scores, batch.missing, reduction) - expected_score(scores, batch.m, reduction)
    generator = -expected_score(scores, batch.missing, reduction)
    torch.testing.assert_close(critic + generator, -expected_score(scores, batch.m, reduction))


def gradient_to_c(module: HexaGAN, batch: TabularBatch) -> float:
    x_hat = module.complete(batch, torch.rand_like(batch.x))
    loss = module.loss_pseudo_label(batch, x_hat).sum()
    gradients = torch.autograd.grad(loss, module.players["c"], allow_unused=True)
    return sum(float(g.abs().sum()) for g in gradients if g is not None)


@pytest.mark.parametrize("pseudo_label", ["straight_through", "soft"])
def test_pseudo_labels_carry_gradient_to_c(pseudo_label: str) -> None:
    assert gradient_to_c(*make_hexagan(f"model.pseudo_label={pseudo_label}")) > 0


def test_the_authors_hard_labels_carry_none() -> None:
    module, batch = make_hexagan("model.pseudo_label=hard")
    assert not module.loss_pseudo_label(batch, module.complete(batch, torch.rand_like(batch.x))).requires_grad or (
        gradient_to_c(module, batch) == 0
    )


def test_labels_are_the_known_ones_where_there_are_any() -> None:
    module, batch = make_hexagan()
    y = module.labels(batch, batch.x)
    known = batch.labelled.squeeze(2) == 1
    assert torch.equal(y[known], batch.y[known])
    torch.testing.assert_close(y.sum(2), torch.ones_like(y.sum(2)))
    assert bool((y[~known].max(1).values > 0.99).all())  # one-hot guesses


def test_generated_classes_follow_their_shares() -> None:
    module, batch = make_hexagan()
    shares = torch.tensor([[0.0, 1.0, 3.0]]).expand(4, -1)
    drawn = torch.cat([module.hidden_for(batch, shares)[1] for _ in range(40)], 1).mean(1)
    torch.testing.assert_close(drawn, shares / 4, atol=0.03, rtol=0)


def test_generated_rows_level_the_classes() -> None:
    """With logits that ignore the row, C's loss is the cross-entropy under classes in equal parts, by expectation."""
    module, batch = make_hexagan("model.alpha_4=0.0", "model.batch_size=400")
    with torch.no_grad():
        for parameter in module.players["c"]:
            parameter.zero_()
        module.players["c"][-1].copy_(torch.tensor([[[2.0, 0.0, -1.0]]]))
    expected = -module.players["c"][-1].log_softmax(2).mean((1, 2))
    torch.testing.assert_close(module.loss_c(batch, module.hidden(batch, Shown(batch.m))), expected, atol=0.1, rtol=0)


def test_the_reconstruction_error_of_a_row_may_be_its_root() -> None:
    module, batch = make_hexagan("model.reconstruction=rmse")
    x_bar = torch.rand_like(batch.x)
    rows = [(b - x)[m == 1].square().mean().sqrt() for b, x, m in zip(x_bar[0], batch.x[0], batch.m[0], strict=True)]
    torch.testing.assert_close(module.loss_recon(batch, x_bar)[0], torch.stack(rows).mean(), rtol=1e-4, atol=0)
    exact = batch.x.clone().requires_grad_()
    module.loss_recon(batch, exact).sum().backward()
    assert exact.grad is not None
    assert bool(exact.grad.isfinite().all())


def test_together_means_from_one_gradient() -> None:
    apart, _ = make_hexagan("model.together=false", "optimizer=sgd", "model.noise=0.0")
    together, batch = make_hexagan("model.together=true", "optimizer=sgd", "model.noise=0.0")
    for module in (apart, together):
        module._losses.append({})
        module.outer_step(batch)
    same = {p: all(map(torch.equal, apart.players[p], together.players[p])) for p in ("d_mi", "e", "g_mi")}
    assert same == {"d_mi": True, "e": True, "g_mi": False}


def test_imputing_leaves_observed_cells_alone() -> None:
    module, batch = make_hexagan()
    with torch.no_grad():
        filled = module.impute(batch.x, batch.m)
    assert torch.equal(filled[batch.m == 1], batch.x[batch.m == 1])
    missing = filled[batch.m == 0]
    assert bool(((missing > 0) & (missing < 1)).all())


def test_critic_counts_generated_rows_when_told() -> None:
    slides, batch = make_hexagan("model.critic=slides")
    authors, _ = make_hexagan("model.critic=authors")
    n_rows, d, k = batch.x.shape[1], slides.d, slides.k
    rows, real, fake = slides.judged(batch, batch.x)
    assert rows.shape[1:] == (n_rows, d + k)
    assert real.shape[1:] == fake.shape[1:] == (n_rows, d + 1)
    rows, real, fake = authors.judged(batch, batch.x)
    assert rows.shape[1:] == real.shape[1:] == fake.shape[1:] == (2 * n_rows, d + k)
    assert float(real[:, n_rows:].max()) == 0
    assert float(fake[:, n_rows:].min()) == 1


def test_weight_decay_of_c_covers_biases() -> None:
    bare, batch = make_hexagan("model.weight_decay_c=0.0", "model.alpha_4=0.0")
    decayed, _ = make_hexagan("model.weight_decay_c=0.5", "model.alpha_4=0.0")
    with torch.no_grad():
        for module in (bare, decayed):
            module.players["c"][-1].fill_(2.0)
    squares: Tensor = sum(p.square().sum((1, 2)) for p in bare.players["c"])  # type: ignore[assignment]
    difference = decayed.loss_c(batch, batch_hidden(decayed, batch)) - bare.loss_c(batch, batch_hidden(bare, batch))
    torch.testing.assert_close(difference, 0.25 * squares, rtol=1e-4, atol=1e-4)


def batch_hidden(module: HexaGAN, batch: TabularBatch) -> Tensor:
    return torch.full((batch.x.shape[0], batch.x.shape[1], module.players["e"][-1].shape[-1]), 0.3)


def test_a_table_without_a_target_is_imputed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "own.csv"
    rows = [f"{i % 7},{i % 5}.5,{'ab'[i % 2]}" for i in range(40)]
    file.write_text("\n".join(["u,v,w", *rows]) + "\n")
    module, loader = build(make_experiment("dataset=csv", f"dataset.path={file}"))
    walk(module, loader, 3)
    assert set(module.block_losses()) == {"d_mi", "e", "g_mi"}


def test_cells_of_a_table_without_gaps_are_hidden() -> None:
    """E sees gaps while it learns, or it cannot fill them afterwards."""

    def hidden(*overrides: str) -> bool:
        module, batch = make_hexagan(*overrides)
        return not torch.equal(module.start.shown_in_part(module.data, batch, module.noise).m, batch.m)

    assert hidden("protocol.missing_rate=0.0")
    assert not hidden("protocol.missing_rate=0.2")
    assert not hidden("model.hide=0.0", "protocol.missing_rate=0.0")


def test_after_a_copula_nothing_is_added_before_the_first_step() -> None:
    module, batch = make_hexagan(*COPULA)
    shown = module.start.given(batch.x, batch.m)
    assert shown.z is not None
    torch.testing.assert_close(module.decode(module.encode(batch.x, batch.m)), shown.z)
    torch.testing.assert_close(module.impute(batch.x, batch.m), shown.z.clamp(0, 1))
    walked, loader = build(make_experiment(*COPULA))
    walk(walked, loader, 3)
    assert not torch.equal(walked.decode(walked.encode(batch.x, batch.m)), shown.z)


def test_without_the_critic_of_cells_nothing_is_learned_from_it() -> None:
    module, batch = make_hexagan("model.judge_cells=false", "model.judge_labels=false", "model.alpha_1=1")
    x_bar = module.decode(module.hidden(batch, Shown(batch.m, batch.x)))
    torch.testing.assert_close(
        module.loss_imputation(batch, module.hidden(batch, Shown(batch.m, batch.x))), module.loss_recon(batch, x_bar)
    )
    module._losses = [{}]
    module.outer_step(batch)
    assert set(module.block_losses()) == PLAYERS - {"d_mi"}


def losses(*overrides: str) -> dict[str, Tensor]:
    module, loader = build(make_experiment(*NOISE, *overrides))
    walk(module, loader, 3)
    return module.block_losses()


@pytest.mark.parametrize(("most", "same"), [(penalty.MOST_EXACT, "exact"), (0, penalty.PROBES)])
def test_auto_is_exact_where_that_is_quick(most: int, same: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(penalty, "MOST_EXACT", most)
    expected = losses(f"model.penalty_probes={same}")
    assert all(torch.equal(values, expected[player]) for player, values in losses().items())


def test_probes_give_the_penalty_on_average() -> None:
    module, batch = make_hexagan("model.penalty_probes=1")
    rows, real, _ = module.judged(batch, batch.x)
    weights = cell_weights(real[..., : module.d], "mean")
    _, exact = module.d_mi.with_penalty(rows, module.d, weights)
    draws = torch.stack([module.with_penalty(module.d_mi, rows, weights, batch.x)[1].detach() for _ in range(100)])
    assert bool(((draws.mean(0) - exact).abs() < 4 * draws.std(0) / 10).all())


def test_the_one_score_of_a_critic_of_hidden_vectors_is_penalised_exactly() -> None:
    module, batch = make_hexagan("model.penalty_probes=3")
    h = module.hidden(batch, Shown(batch.m))
    rows, before = torch.cat([h, batch.y], 2), module.noise.state_dict()["place"]
    _, penalty = module.with_penalty(module.d_cg, rows, batch.labelled, h)
    torch.testing.assert_close(penalty, module.d_cg.with_penalty(rows, h.shape[2], batch.labelled)[1])
    assert module.noise.state_dict()["place"] == before


@pytest.mark.parametrize("penalty", ["wgan_gp", "clipping", "null"])
def test_probes_are_of_the_zero_centred_penalty(penalty: str) -> None:
    with pytest.raises(UserError, match=r"model.penalty_probes=2 .* set model.penalty_probes=auto"):
        make_hexagan("model.penalty_probes=2", f"loss.penalty={penalty}")
    make_hexagan("model.penalty_probes=auto", f"loss.penalty={penalty}")

"""What every method that generates must do: replicas that do not touch, exact resume, rows of the right kind."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.compose import compose
from ganx.engine.checkpoint import read_checkpoint, write_checkpoint
from ganx.engine.generative import GenerativeModule
from ganx.engine.latent import ClassCode, LearnedPrior
from ganx.engine.module import Module
from ganx.errors import UserError
from ganx.groups import options
from ganx.losses.gan import AdversarialLoss
from ganx.run.experiment import Experiment
from ganx.targets import MethodSpec, spec
from tests.engine.conftest import build, generative_models, smoke, walk

MODELS = generative_models()


def spec_of(model: str) -> MethodSpec:
    return spec(compose("train", [f"model={model}"])["model"])


SMALL = ["model.batch_size=16", "model.hidden=[16,16]", "model.channels=[4,6]"]


def dataset_of(model: str, otherwise: str = "dataset=wine") -> str:
    """Return the data that a model asks for, if it is for some data only."""
    return next((word for word in smoke(model) if word.startswith("dataset=")), otherwise)


def experiment_of(model: str, *overrides: str) -> Experiment:
    return Experiment.of(compose("train", [f"model={model}", dataset_of(model), *SMALL, *overrides]))


def trained(model: str, *overrides: str, steps: int = 5) -> GenerativeModule:
    module, loader = build(experiment_of(model, *overrides))
    walk(module, loader, steps)
    assert isinstance(module, GenerativeModule)
    return module


def all_equal(one: Module, other: Module) -> bool:
    return all(torch.equal(value, other.tensors()[name]) for name, value in one.tensors().items())


@pytest.mark.parametrize("model", MODELS)
def test_a_replica_in_a_stack_agrees_with_itself_alone(model: str) -> None:
    # A bias before a batch normalisation has a gradient of rounding errors alone, which Adam takes for steps.
    experiment = experiment_of(model, "seeds=3", "model.batch_norm=none")
    stack, stack_loader = build(experiment)
    alone, alone_loader = build(experiment, slice(1, 2))
    walk(stack, stack_loader, 20)
    walk(alone, alone_loader, 20)
    for name, losses in alone.block_losses().items():
        torch.testing.assert_close(stack.block_losses()[name][:, 1], losses[:, 0], rtol=1e-4, atol=1e-4)
    together = stack.tensors()
    for name, value in alone.tensors().items():
        torch.testing.assert_close(together[name][1], value[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_training_goes_on_byte_for_byte(model: str, tmp_path: Path) -> None:
    experiment = experiment_of(model, "seeds=2", "model.spectral_norm=true")
    reference, loader = build(experiment)
    walk(reference, loader, 12)
    first, loader = build(experiment)
    walk(first, loader, 7)
    with first.evaluation_noise(), torch.no_grad():
        first.sample(5)  # a look at it is not noticed
    write_checkpoint(tmp_path / "c" / "last.ckpt", first.training_state())
    second, loader = build(experiment)
    second.load_training_state(read_checkpoint(tmp_path / "c" / "last.ckpt"))
    walk(second, loader, 5, first=7)
    assert all_equal(second, reference)


PAIRS = [(m, d) for m in MODELS for d in ("wine", "digits", "ring8") if dataset_of(m, f"dataset={d}") == f"dataset={d}"]


@pytest.mark.parametrize(("model", "dataset"), PAIRS)
def test_rows_have_the_shape_and_the_range_of_the_data(model: str, dataset: str) -> None:
    experiment = experiment_of(model, f"dataset={dataset}", "seeds=2", "model.net=auto")
    module, loader = build(experiment)
    assert isinstance(module, GenerativeModule)
    walk(module, loader, 1)
    units = module.data.units
    with module.evaluation_noise(), torch.no_grad():
        x, c = module.sample(9)
    assert x.shape == (2, 9, *experiment.facts.shape)
    if module.n_categories:
        assert bool((c.sum(2) == 1).all())
    for name in {"cluster", "classify"} & experiment.spec.capabilities:
        torch.testing.assert_close(getattr(module, name)(x).sum(2), torch.ones(2, 9))
    cells = units.cells(x[0].numpy())
    assert cells.shape == (9, experiment.table.n_columns)
    if units.bounded:
        assert (cells >= experiment.table.x.min(0) - 1e-6).all() or units.image
        assert cells.max() <= experiment.table.x.max() + 1e-6


@pytest.mark.parametrize("loss", [name for name in options("loss") if name != "none"])
def test_losses_of_the_group_train(loss: str) -> None:
    module = trained("gan", f"loss={loss}")
    assert all(bool(values.isfinite().all()) for values in module.block_losses().values())


@pytest.mark.parametrize("model", [model for model in MODELS if "own" in spec_of(model).losses])
def test_a_relativistic_loss_is_told_what_d_says_of_real_rows(model: str) -> None:
    module, loader = build(experiment_of(model, "seeds=2"))
    assert isinstance(module, GenerativeModule)
    seen: list[Tensor] = []

    def g(fake: Tensor, real: Tensor) -> Tensor:
        seen.append(real)
        return F.softplus(real - fake).mean(1)

    module.f = AdversarialLoss(module.f.d, g, relativistic=True)
    walk(module, loader, 1)
    (real,) = seen
    assert real.shape == (2, 16)
    assert not real.requires_grad


def test_clipping_keeps_the_weights_within_bounds() -> None:
    module = trained("gan", "loss=wgan", "loss.penalty=clipping")
    assert max(float(p.detach().abs().max()) for p in module.players["d"]) <= 0.01


def test_each_step_of_the_critic_reads_rows_of_its_own() -> None:
    experiment = experiment_of("gan", "model.n_critic=3")
    module, loader = build(experiment)
    (batch,) = loader.block(0, 1)
    assert batch.x.shape[1] == 3 * 16
    assert isinstance(module, GenerativeModule)
    parts = [x for x, _ in module.each_minibatch(batch)]
    assert torch.equal(torch.cat(parts, 1), batch.x)


def test_samples_come_from_the_average_once_training_is_over() -> None:
    module = trained("gan", "model.ema=0.9")
    z, c = module.latent(4), module.draw_categories(4)
    trained_rows = module.generate(z, c)
    with module.evaluation_noise():
        averaged = module.generate(z, c)
    assert not torch.allclose(trained_rows, averaged)
    assert module.training


def test_a_given_distribution_of_categories_is_drawn_from() -> None:
    module = trained("infogan", "model.categories=3", "model.probabilities=[0.1,0.2,0.7]", steps=1)
    shares = module.draw_categories(20000).mean(1)
    torch.testing.assert_close(shares[0], torch.tensor([0.1, 0.2, 0.7]), atol=0.02, rtol=0)


@pytest.mark.parametrize("model", ["cgan", "acgan", "cagan"])
def test_models_of_labels_learn_how_common_they_are(model: str) -> None:
    experiment = experiment_of(model)
    module, loader = build(experiment)
    walk(module, loader, 60)
    assert experiment.table.y is not None
    y = experiment.table.y[experiment.splits[0].train]
    expected = torch.bincount(torch.from_numpy(y)) / len(y)
    assert isinstance(module, GenerativeModule)
    torch.testing.assert_close(module.p_c[0], expected.float(), atol=0.03, rtol=0)


def test_cgpgan_holds_its_prior_while_it_warms_up() -> None:
    for warm_up, held in ((5, True), (4, False)):
        module = trained("cgpgan", f"model.warm_up={warm_up}", steps=5)
        assert isinstance(module, LearnedPrior)
        assert torch.equal(module.prior(), torch.full_like(module.p_c, 1 / module.n_categories)) == held


def test_who_learns_a_prior_answers_with_it_and_watches_it() -> None:
    specs = {model: spec(compose("train", [f"model={model}"])["model"]) for model in MODELS}
    assert {model for model, one in specs.items() if "prior" in one.capabilities} == {"vcagan", "cgpgan"}
    assert set(trained("vcagan").monitor()) == {"prior_entropy", "categories"}
    assert trained("gan", "model.categories=3").monitor() == {}


def test_methods_of_labels_say_so() -> None:
    specs = {model: spec(compose("train", [f"model={model}"])["model"]) for model in options("model")}
    assert {m for m, one in specs.items() if one.conditional} == {"cgan", "acgan", "cagan", "hexagan", "triplegan"}


@pytest.mark.parametrize("model", ["hexagan", "triplegan"])
def test_methods_of_cells_generate_by_class(model: str) -> None:
    experiment = Experiment.of(compose("train", [f"model={model}", "dataset=wine", "protocol.folds=2"]))
    module, _ = build(experiment)
    assert isinstance(module, ClassCode)
    assert {"generate", "impute" if model == "hexagan" else "classify"} <= experiment.spec.capabilities
    assert "sample" not in experiment.spec.capabilities  # nobody scores it
    z, c = module.latent(500), module.draw_categories(500)
    assert z.shape == (2, 500, module.n_z)
    assert float(z.min()) >= 0
    torch.testing.assert_close(c.mean(1), torch.full((2, 3), 1 / 3), atol=0.1, rtol=0)
    rows = module.generate(z, c)
    assert rows.shape == (2, 500, 13)
    shares = torch.tensor([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    module.setting = replace(module.setting, class_shares=shares)
    torch.testing.assert_close(module.draw_categories(2000).mean(1), shares, atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=cgan", "dataset=swissroll"], "classes"),
        (["model=dcgan", "dataset=wine"], "images"),
        (["model=gan", "dataset=wine", "model.net=cnn"], "net=mlp"),
        (["model=gan", "dataset=wine", "loss.penalty=null", "loss=wgan"], r"loss\.penalty"),
        (["model=gan", "dataset=wine", "model.batch_norm=both"], "batch_norm"),
        (["model=vcagan", "dataset=wine", "loss.penalty=r2"], r"loss\.penalty=r2"),
        (["model=gan", "dataset=wine", "protocol=clean"], r"missing_rate=0"),
        (["model=vcagan", "dataset=wine", "loss=nonsaturating", "model.batch_norm=both"], "batch_norm"),
        (["model=vcagan", "dataset=wine", "model.categories=1"], "categories=1"),
        (["model=dcgan", "dataset=digits", "model.channels=[]"], "images, by convolutions"),
        (["model=gan", "dataset=wine", "protocol.selection=test"], r"selection=last"),
        (["model=cgan", "dataset=wine", "protocol.label_rate=0.5"], r"label_rate=1"),
        (["model=cgpgan", "dataset=wine", "model.categories=1"], "categories=1"),
        (["model=infogan", "dataset=wine", "model.categories=2", "model.probabilities=[0.2,0.2]"], "add up to"),
        (["model=hexagan", "dataset=wine", "loss.penalty=r1"], r"penalty=r1"),
        (["model=gain", "dataset=wine", "loss=hinge"], "loss=hinge"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Experiment.of(compose("train", overrides)).check()


@pytest.mark.parametrize("model", MODELS)
def test_in_bfloat16_losses_and_parameters_stay_in_float32(model: str) -> None:
    whole, half = (trained(model, f"hardware.precision={kind}", steps=1) for kind in ("float32", "bfloat16"))
    for name, losses in half.block_losses().items():
        assert losses.dtype == torch.float32
        torch.testing.assert_close(losses, whole.block_losses()[name], rtol=0.05, atol=0.05)
    assert {value.dtype for value in half.tensors().values()} == {torch.float32}


def by_definition(module: GenerativeModule, rows: torch.Tensor) -> torch.Tensor:
    """Return the mean squared gradient norm of D at rows, (R,), in a pass of its own."""
    rows = rows.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(module.d(rows)[..., 0].sum(), rows)
    return gradient.flatten(2).square().sum(2).mean(1)


@pytest.mark.parametrize("name", ["r1", "r2"])
@pytest.mark.parametrize("model", ["gan", "acgan", "infogan"])
def test_penalties_at_rows_look_back_at_what_the_critic_said(model: str, name: str) -> None:
    module = trained(model, "seeds=2", f"loss=nonsaturating_{name}", "model.penalty_weight=3", steps=1)
    module.step = 0
    x, x_g = torch.randn(2, 2, 7, 13).unbind()
    with module.watching(x, x_g):
        real, fake = module.d(x)[..., 0], module.d(x_g)[..., 0]
    penalty = module.penalty(lambda rows: module.d(rows)[..., 0], x, x_g, real, fake)
    assert isinstance(penalty, torch.Tensor)
    torch.testing.assert_close(penalty.detach(), 3 * by_definition(module, x if name == "r1" else x_g))
    assert (x.requires_grad, x_g.requires_grad) == (name == "r1", name == "r2")


def test_penalties_at_rows_are_in_float32_whatever_the_precision() -> None:
    module = trained("gan", "loss=nonsaturating_r1", "model.penalty_weight=1", steps=1)
    x, x_g = torch.randn(2, 1, 7, 13).unbind()
    with torch.autocast("cpu", torch.bfloat16):
        with module.watching(x, x_g):
            real, fake = module.d(x)[..., 0], module.d(x_g)[..., 0]
        penalty = module.penalty(lambda rows: module.d(rows)[..., 0], x, x_g, real, fake)
    assert isinstance(penalty, torch.Tensor)
    torch.testing.assert_close(penalty.detach(), by_definition(module, x))


def test_dcgan_as_in_its_paper() -> None:
    experiment = Experiment.of(compose("train", ["experiment=dcgan_paper", "dataset=digits", "model.channels=[4,8]"]))
    config = experiment.config
    assert (config["optimizer"]["lr"], config["optimizer"]["betas"]) == (2e-4, [0.5, 0.999])
    assert config["loss"] == {"name": "nonsaturating", "penalty": None}
    assert (config["model"]["linear_decay"], config["model"]["ema"], config["model"]["batch_size"]) == (0, 0, 128)
    module, loader = build(experiment)
    assert isinstance(module, GenerativeModule)
    z = module.latent(1000)
    assert z.shape == (1, 1000, 100)
    assert -1 <= float(z.min()) < -0.99 < 0.99 < float(z.max()) <= 1
    assert float(module.g.first.weight.detach().std()) == pytest.approx(0.02, rel=0.1)  # type: ignore[union-attr]
    walk(module, loader, 2)

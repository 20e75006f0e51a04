import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from ganx.errors import UserError
from ganx.methods.dann import Reversal
from tests.methods.bare import bare, examples, walk

SMALL = ["model.hidden=[8]", "model.features=4", "model.heads=[4]"]


def small(*overrides: str) -> Any:
    return bare("dann", (2,), *SMALL, *overrides, n_classes=2)


def test_the_gradient_turns_round() -> None:
    x = torch.randn(2, 3, requires_grad=True)
    y = Reversal.apply(x, 0.3)
    assert torch.equal(y, x)
    (gradient,) = torch.autograd.grad((y**2).sum(), x)
    torch.testing.assert_close(gradient, -0.3 * 2 * x.detach())


def test_lambda_grows_as_in_the_paper() -> None:
    module = small("model.steps=100", "model.lambda_max=2.0")
    for step in (0, 10, 50, 100):
        module.step = step
        assert module.lambda_now() == pytest.approx(2 * (2 / (1 + math.exp(-10 * step / 100)) - 1))


def test_features_climb_what_the_domain_classifier_descends() -> None:
    module = small("model.steps=100")
    module.step = 50
    x, t = torch.randn(2, 6, 2), torch.randn(2, 6, 2)
    loss = module.loss_domains(module.features(x), module.features(t))
    plain = [module.d(module.features(rows)).squeeze(2) for rows in (x, t)]
    expected = 0.5 * (F.softplus(-plain[0]) + F.softplus(plain[1])).mean(1)
    torch.testing.assert_close(loss, expected)
    for player, factor in (("d", 1.0), ("f", -module.lambda_now())):
        ours = torch.autograd.grad(loss.sum(), module.players[player], retain_graph=True)
        theirs = torch.autograd.grad(expected.sum(), module.players[player], retain_graph=True)
        for own, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(own, factor * other)


def test_it_learns_the_source_and_answers_with_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(100) % 2
    x = (torch.randn(100, 2, generator=generator) + 3 * y.unsqueeze(1)).expand(2, -1, -1)
    module = small("model.steps=150", "optimizer.lr=1e-2", "model.lambda_max=0.1")
    source = examples(x, F.one_hot(y, 2).float().expand(2, -1, -1))
    walk(module, [SimpleNamespace(source=source, target=examples(x + 0.1))] * 150)
    p = module.classify(x)
    torch.testing.assert_close(p.sum(2), torch.ones(2, 100))
    assert bool(((p.argmax(2) == y).float().mean(1) > 0.95).all())
    assert module.embed(x).shape == (2, 100, 4)


def test_data_without_classes_are_refused() -> None:
    with pytest.raises(UserError, match="classes"):
        bare("dann", (2,))

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from ganx.errors import UserError
from tests.methods.bare import bare, examples, walk

SMALL = ["model.hidden=[16]", "model.features=8", "model.latent=2"]


def small(*overrides: str) -> Any:
    return bare("sgan", (2,), *SMALL, *overrides, n_classes=3)


def test_the_loss_without_labels_is_that_of_k_plus_1_classes() -> None:
    """With a logit of 0 for "generated", D(x) is the probability of the K other classes."""
    module = small("model.input_noise=0.0")
    x, x_g = torch.randn(2, 5, 2), torch.randn(2, 5, 2)

    def real(rows: torch.Tensor) -> torch.Tensor:
        return F.pad(module.logits(module.features(rows)), (0, 1)).softmax(2)[..., :3].sum(2)

    expected = -0.5 * (real(x).log() + (1 - real(x_g)).log()).mean(1)
    torch.testing.assert_close(module.loss_unlabelled(x, x_g), expected)


def test_features_are_matched_in_the_mean() -> None:
    module = small("model.input_noise=0.0")
    x = torch.randn(2, 6, 2)
    torch.testing.assert_close(module.feature_matching(x, x.flip(1)), torch.zeros(2))
    distance = (module.features(x).mean(1) - module.features(x + 1).mean(1)).square().mean(1)
    torch.testing.assert_close(module.feature_matching(x, x + 1), distance)


def test_noise_is_for_training() -> None:
    module = small("model.input_noise=0.5")
    x = torch.randn(2, 6, 2)
    assert not torch.equal(module.noisy(x), x)
    p = module.classify(x)
    assert torch.equal(p, module.classify(x))
    torch.testing.assert_close(p.sum(2), torch.ones(2, 6))


def test_one_label_for_each_cluster_is_enough() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[2.0, 0.0], [-2.0, 2.0], [-2.0, -2.0]])
    y = torch.arange(300) % 3
    x = (centres[y] + 0.3 * torch.randn(300, 2, generator=generator)).expand(2, -1, -1)
    one_hot = F.one_hot(y, 3).float().expand(2, -1, -1)
    module = small("model.steps=150")
    batches = [
        SimpleNamespace(
            labelled=examples(x[:, :3], one_hot[:, :3]),
            unlabelled=examples(x[:, rows]),
        )
        for rows in (torch.randint(300, (50,), generator=generator) for _ in range(150))
    ]
    walk(module, batches)
    assert bool(((module.classify(x).argmax(2) == y).float().mean(1) > 0.98).all())
    assert module.sample(7)[0].shape == (2, 7, 2)


def test_data_without_classes_are_refused() -> None:
    with pytest.raises(UserError, match="classes"):
        bare("sgan", (2,))

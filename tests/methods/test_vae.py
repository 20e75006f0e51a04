import math

import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from ganx.methods.vae import divergence
from tests.methods.bare import bare, examples, walk

SMALL = ["model.latent=3", "model.hidden=[16]"]


def test_the_divergence_is_that_of_normal_distributions() -> None:
    mean, log_variance = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    exact = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(2)
    torch.testing.assert_close(divergence(mean, log_variance), exact)


def test_pixels_are_bernoulli_and_columns_normal() -> None:
    images, rows = bare("vae", (1, 4, 4), *SMALL, bounded=True), bare("vae", (3,), *SMALL)
    x, logits = (torch.rand(2, 5, 1, 4, 4) > 0.5).float(), torch.randn(2, 5, 1, 4, 4)
    expected = Bernoulli(logits=logits).log_prob(x).sum((2, 3, 4))
    torch.testing.assert_close(images.log_p(2 * x - 1, logits), expected)

    rows.decoder.log_sd.data.copy_(torch.tensor([[0.1, -0.2, 0.3], [0.0, 0.5, -1.0]]))
    y, mean = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    expected = Normal(mean, rows.decoder.log_sd.exp().unsqueeze(1)).log_prob(y).sum(2)
    torch.testing.assert_close(rows.log_p(y, mean), expected)


def test_the_bound_of_a_decoder_that_ignores_z() -> None:
    """With q(z | x) the prior and p(x | z) = N(0, I) for every z, the bound is log N(x; 0, I)."""
    module = bare("vae", (3,), *SMALL)
    for net in (module.encoder, module.decoder):
        for parameter in net.parameters():
            parameter.data.zero_()
    x = torch.randn(2, 5, 3)
    expected = -0.5 * x.square().sum(2) - 1.5 * math.log(2 * math.pi)
    torch.testing.assert_close(module.log_likelihood(x), expected)


def test_shapes_and_units() -> None:
    module = bare("vae", (1, 4, 4), *SMALL, bounded=True)
    x = torch.rand(2, 5, 1, 4, 4) * 2 - 1
    walk(module, [examples(x)])
    assert module.embed(x).shape == (2, 5, 3)
    assert module.log_likelihood(x).shape == (2, 5)
    rows, c = module.sample(7)
    assert rows.shape == (2, 7, 1, 4, 4)
    assert c.shape == (2, 7, 0)
    for made in (rows, module.reconstruct(x)):
        assert bool((made.abs() <= 1).all())
    assert bare("vae", (3,), *SMALL).sample(7)[0].shape == (2, 7, 3)


def test_it_learns_to_reconstruct() -> None:
    torch.manual_seed(0)
    module = bare("vae", (4,), *SMALL, "optimizer.lr=1e-2", "model.steps=200", "model.linear_decay=0.0")
    line = torch.randn(2, 256, 1) * torch.tensor([1.0, -1.0, 2.0, 0.5]) + 0.05 * torch.randn(2, 256, 4)
    before = module.log_likelihood(line).mean(1)
    walk(module, [examples(line)] * 200)
    assert bool((module.log_likelihood(line).mean(1) > before + 2).all())
    error = (module.reconstruct(line) - line).square().mean((1, 2))
    assert bool((error < 0.2 * line.square().mean((1, 2))).all())

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from ganx.errors import UserError
from tests.methods.bare import bare, examples, walk


class Swept:
    """The rows of each replica; the second has three rows less."""

    def __init__(self, x: Tensor, missing: int = 3) -> None:
        self.x, self.known = x, torch.ones(x.shape[:2])
        self.known[1, len(x[1]) - missing :] = 0

    def sweep(self, stream: str, size: int) -> Iterator[tuple[SimpleNamespace, Tensor]]:
        assert stream == "all"
        for x, known in zip(self.x.split(4, 1), self.known.split(4, 1), strict=True):
            yield SimpleNamespace(x=x), known


def test_it_starts_at_the_median_of_the_rows_that_are_there() -> None:
    module = bare("jsgan_location", (3,))
    x = torch.randn(2, 11, 3)
    module.data = Swept(x, missing=2)
    module.prepare()
    torch.testing.assert_close(module.g.b[0].detach(), x[0].median(0).values)
    torch.testing.assert_close(module.g.b[1].detach(), x[1, :9].median(0).values)
    assert torch.equal(module.estimate()["location"], module.g.b)


def test_the_estimate_is_the_mean_over_the_last_steps() -> None:
    module = bare("jsgan_location", (3,), "model.steps=8", "model.average=0.5")
    batch = examples(torch.randn(2, 50, 3) + 1)
    shifts = []
    for _ in range(8):
        walk(module, [batch])
        shifts.append(module.g.b.detach().clone())
    torch.testing.assert_close(module.estimate()["location"], torch.stack(shifts[4:]).mean(0))


def test_the_laws_of_noise() -> None:
    normal, cauchy = bare("jsgan_location", (2,)), bare("jsgan_location", (2,), "model.law=cauchy")
    for module in (normal, cauchy):
        module.g.b.data.fill_(1.0)
    assert normal.shifted(2000).mean(1).sub(1).abs().max() < 0.1
    # Half of a Cauchy distribution lies within 1 of its centre.
    assert ((cauchy.shifted(2000) - 1).abs() < 1).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_contamination_moves_the_median_more() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1000, 2, generator=generator)
    x[:, 800:] += 5
    x = x.expand(2, -1, -1)
    module = bare("jsgan_location", (2,), "model.steps=250")
    module.data = Swept(x)
    module.prepare()
    median = module.g.b.detach().norm(dim=1)
    order = [torch.randperm(1000, generator=generator)[:500] for _ in range(250)]
    walk(module, [examples(x[:, rows]) for rows in order])
    assert bool((module.estimate()["location"].norm(dim=1) < 0.6 * median).all())
    scores = module.anomaly(x)
    assert bool((scores[:, 800:].mean(1) > scores[:, :800].mean(1) + 1).all())


def test_scaled_rows_are_refused() -> None:
    with pytest.raises(UserError, match="dataset=contaminated"):
        bare("jsgan_location", (3,), bounded=True)

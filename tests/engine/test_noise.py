"""Noise: what is hidden for a step, categories, and the seeds of torch's own generators."""

import pytest
import torch

from ganx.engine.noise import NOISE, Noise, TorchSeed, generators


def make_noise(*replicas: tuple[int, int]) -> Noise:
    return Noise(generators(replicas or [(0, 0), (1, 0)], NOISE))


def test_hidden_cells_are_observed_ones() -> None:
    noise = make_noise()
    m = (torch.rand(2, 100, 30) < 0.8).float()
    shown = noise.hide(m, 0.3)
    assert bool((shown <= m).all())
    assert float(shown.sum() / m.sum()) == pytest.approx(0.7, abs=0.03)
    assert not torch.equal(shown[0] - m[0], shown[1] - m[1])
    assert torch.equal(noise.hide(m, 0.0), m)


def test_signs_are_fair_and_each_replicas_own() -> None:
    signs = make_noise().signs(100, 30)
    assert signs.shape == (2, 100, 30)
    assert torch.equal(signs.abs(), torch.ones_like(signs))
    assert float(signs.mean()) == pytest.approx(0, abs=0.05)
    assert torch.equal(signs[1:], make_noise((1, 0)).signs(100, 30))
    assert not torch.equal(signs[0], signs[1])


@pytest.mark.parametrize("shape", [(), (7,), (4, 5), (2, 3, 4)], ids=str)
def test_a_category_is_drawn_from_each_distribution(shape: tuple[int, ...]) -> None:
    p = torch.rand(2, *shape, 3).softmax(-1)
    drawn = make_noise().categorical(p)
    assert drawn.shape == p.shape
    assert drawn.dtype == p.dtype
    assert torch.equal(drawn.sum(-1), torch.ones(2, *shape))
    assert bool(((drawn == 0) | (drawn == 1)).all())


def test_categories_follow_their_distributions() -> None:
    p = torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    shares = make_noise().categorical(p.expand(2, 20_000, 2, 3)).mean(1)
    torch.testing.assert_close(shares, p.expand(2, 2, 3), atol=0.02, rtol=0)


def test_one_distribution_for_all_rows_is_a_special_case() -> None:
    p = torch.rand(2, 4).softmax(1)
    drawn = make_noise().one_hot(p, 50)
    assert torch.equal(drawn, make_noise().categorical(p.unsqueeze(1).expand(-1, 50, -1)))


def test_categories_of_a_replica_do_not_depend_on_its_company() -> None:
    p = torch.rand(2, 9, 4).softmax(2)
    assert torch.equal(make_noise().categorical(p)[1:], make_noise((1, 0)).categorical(p[1:]))


def test_no_gradient_flows_through_a_draw() -> None:
    assert not make_noise().categorical(torch.rand(2, 9, 4).softmax(2).requires_grad_()).requires_grad


def test_torchs_generator_is_a_function_of_seed_fold_and_step() -> None:
    def drawn(replica: tuple[int, int], step: int) -> float:
        TorchSeed(replica, torch.device("cpu")).plant(step)
        return float(torch.rand(()))

    keys = [((seed, fold), step) for seed in (0, 1) for fold in (0, 1) for step in (-1, 0, 1, 2)]
    numbers = [drawn(*key) for key in keys]
    assert numbers == [drawn(*key) for key in keys]
    assert len(set(numbers)) == len(keys)


def test_a_look_aside_is_not_noticed() -> None:
    seed = TorchSeed((0, 0), torch.device("cpu"))
    seed.plant(3)
    expected = torch.rand(4)
    seed.plant(3)
    with seed.aside(-2):
        torch.rand(100)
    assert torch.equal(torch.rand(4), expected)

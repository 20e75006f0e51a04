"""What stands in for missing cells before a network fills them."""

import numpy as np
import pytest
import torch

from ganx.baselines.copula import Copula
from ganx.engine.start import OPTIONS, RIDGES, CopulaStart, NoiseStart
from ganx.errors import DamagedError
from ganx.methods.hexagan import HexaGAN
from tests.engine.conftest import build, make_experiment

SMALL = ("model.latent=8", "model.hidden={e: [8], g_mi: [], d_mi: [8], g_cg: [8], d_cg: [8], c: []}")


def make(*overrides: str, replicas: slice = slice(None)):  # type: ignore[no-untyped-def]
    module, loader = build(make_experiment(*SMALL, *overrides), replicas)
    assert isinstance(module, HexaGAN)
    return module, module.start, loader.block(0, 1)[0]


def test_a_copula_fills_as_the_estimator_does() -> None:
    module, start, batch = make()
    view, (rows, *_) = module.data, module.data.rows_of("all")
    seen = view.batch(view.tensor(np.stack([rows] * len(view.splits))))
    x, m = seen.x[0].numpy(), seen.m[0].numpy() > 0
    copula = Copula(**OPTIONS, ridge=RIDGES)
    copula.fit(x, m, np.full(len(x), -1))
    filled = start(batch.x, batch.m)[0].numpy()
    alone = copula.impute(batch.x[0].numpy(), batch.m[0].numpy() > 0)
    np.testing.assert_allclose(filled, alone, atol=0.02)  # it keeps more quantiles than there are rows
    assert np.abs(filled - alone).mean() < 1e-3


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_share_of_the_known_cells_is_hidden_and_filled(share: float) -> None:
    module, start, batch = make(f"model.hide={share}")
    whole, part = start.shown(module.data, batch), start.shown_in_part(module.data, batch, module.noise)
    assert torch.equal(whole.m, batch.m)
    assert bool((part.m <= batch.m).all())
    assert abs(1 - float(part.m.sum() / batch.m.sum()) - share) < 0.05
    for shown in (whole, part):
        assert torch.equal(shown.z[shown.m == 1], batch.x[shown.m == 1])
        torch.testing.assert_close(shown.z, start(batch.x * shown.m, shown.m))


def test_features_of_a_category_are_hidden_together(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "own.csv"
    file.write_text("\n".join(["u,w", *(f"{i % 7},{'abc'[i % 3]}" for i in range(40))]) + "\n")
    module, start, batch = make("dataset=csv", f"dataset.path={file}")
    m = start.shown_in_part(module.data, batch, module.noise).m
    assert torch.equal(m[..., 1], m[..., 2])
    assert torch.equal(m[..., 1], m[..., 3])


def test_a_replica_starts_alike_whoever_is_beside_it() -> None:
    _, alone, batch = make(replicas=slice(2, 3))
    _, beside, of_all = make()
    assert torch.equal(batch.x[0], of_all.x[2])
    module, *_ = make(replicas=slice(2, 3))
    filled = alone._filled(module.data)
    whole = beside._filled(make()[0].data)
    n = filled.m.shape[2]
    assert torch.equal(filled.m[:, 0], whole.m[:, 2, :n])
    assert torch.equal(filled.x[:, 0], whole.x[:, 2, :n])


def test_a_stored_copula_is_checked() -> None:
    _, start, batch = make()
    start.weights[0, 0, 1] = 2
    with pytest.raises(DamagedError, match="no correlations"):
        start(batch.x, batch.m)


def test_noise_stands_in_unless_its_mean_is_asked_for() -> None:
    module, start, batch = make("model.start=noise")
    assert isinstance(start, NoiseStart)
    assert not make("model.start=noise")[1].carries
    assert CopulaStart.carries
    drawn = [NoiseStart(width, 0.0, "draw").z(start.shown(module.data, batch), module.noise) for width in (1, 0.5, 0)]
    assert [round(2 * float((z - 0.5).abs().max()), 1) for z in drawn] == [1.0, 0.5, 0.0]
    assert bool((start.z(start.given(batch.x, batch.m), module.noise) == 0.5).all())

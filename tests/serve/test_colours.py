"""Images in colour, from an .npz file to samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ganx import cli

SHORT = ["model.steps=2", "model.validate_every=2", "model.batch_size=8", "protocol.folds=2"]


@pytest.mark.parametrize("model", ["gan", "dcgan"])
def test_colours(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)
    np.savez("own.npz", x=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    small = ["model.channels=[4,8]"] if model == "dcgan" else ["model.hidden=[8]"]
    assert cli.main(["train", f"model={model}", "dataset=npz", "dataset.path=own.npz", *SHORT, *small]) == 0
    (run,) = Path("outputs/runs/npz").glob(f"{model}-*")
    assert in_colour(run / "figures" / "samples.png")
    for out in ("s.png", "s.npz", "s.csv"):
        assert cli.main(["sample", f"run={run}", f"out={out}", "n=4"]) == 0
    assert cli.main(["interpolate", f"run={run}", "out=i.png", "n=2", "steps=3"]) == 0
    assert cli.main(["neighbours", f"run={run}", "out=n.png", "n=2"]) == 0
    assert all(map(in_colour, (Path("s.png"), Path("i.png"), Path("n.png"))))
    x = np.load("s.npz")["x"]
    assert (x.shape, x.dtype) == ((4, 8, 8, 3), np.uint8)
    first = pd.read_csv("s.csv").iloc[0].to_numpy().reshape(3, 8, 8)
    np.testing.assert_allclose(first.transpose(1, 2, 0), x[0], atol=0.51)


def in_colour(file: Path) -> bool:
    pixels = np.asarray(Image.open(file).convert("RGB")).astype(int)
    return bool((pixels.max(2) - pixels.min(2)).max() > 5)

"""What a generator has made at every look at it, with the same noise: the frames of an animation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganx.data.rows import Rows
from ganx.engine.capabilities import numbers

GENERATOR = ("latent", "draw_categories", "generate")  # what a method must define
MOST_FRAMES = 40  # when there are more, every second one is dropped
POINTS = 1000  # of a frame in the plane
GRID_ROWS, GRID_COLUMNS = 8, 10  # of a frame of images, where there are no categories


class Film:
    """Frames of the first replica: `POINTS` rows of two numbers, or a grid of images, in the units of the table.

    The rows of a grid share z, its columns share c.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.steps: list[int] = []
        self.frames: list[NDArray[np.floating]] = []  # (n, D) each
        self.categories: list[NDArray[np.int64]] = []  # (n,) each; -1 without categories

    @property
    def wanted(self) -> bool:
        """Whether such rows can be looked at."""
        return self.rows.image or self.rows.shape == (2,)

    @torch.no_grad()
    def record(self, module: Any) -> None:
        """Add a frame."""
        if not self.wanted:
            return
        with module.evaluation_noise(0):
            z, c = grid_codes(module) if self.rows.image else (module.latent(POINTS), module.draw_categories(POINTS))
            x = module.generate(z, c)[0].float().cpu().numpy()
        self.steps.append(module.step)
        self.frames.append(self.rows.cells(x))
        self.categories.append(numbers(c[0].cpu().numpy()))
        if len(self.steps) > MOST_FRAMES:
            self.steps, self.frames, self.categories = self.steps[1::2], self.frames[1::2], self.categories[1::2]

    def state_dict(self) -> dict[str, Any]:
        """Return the frames, images as bytes."""
        if not self.steps:
            return {"steps": [], "frames": torch.empty(0), "categories": torch.empty(0)}
        frames, categories = torch.from_numpy(np.stack(self.frames)), torch.from_numpy(np.stack(self.categories))
        frames = frames.round().to(torch.uint8) if self.rows.image else frames.float()
        return {"steps": list(self.steps), "frames": frames, "categories": categories}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.steps = list(state["steps"])
        self.frames = list(state["frames"].numpy())
        self.categories = list(state["categories"].numpy())


def grid_codes(module: Any, n_rows: int = GRID_ROWS) -> tuple[Tensor, Tensor]:
    """Return z (R, n, n_z) and c (R, n, K) of a grid, row by row: a z for each row, a category for each column.

    Without categories every image of the grid has its own z.
    """
    k = getattr(module, "n_categories", 0)
    if not k:
        n = n_rows * GRID_COLUMNS
        return module.latent(n), module.draw_categories(n)
    z = module.latent(n_rows).repeat_interleave(k, 1)
    c = torch.eye(k, device=z.device).repeat(n_rows, 1).expand(z.shape[0], -1, -1)
    return z, c

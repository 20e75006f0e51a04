"""Figures of samples: what is in the files, read back from them."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from ganx.drawing import samples as drawn
from ganx.drawing.plots import COLOURS, pixels

CORNERS = np.array([[-1.0, -1], [1, -1], [-1, 1], [1, 1]])
SAMPLES = CORNERS.repeat(10, axis=0)  # on top of one another: dots are a little transparent


def cloud(n: int = 200) -> NDArray[np.float64]:
    """n points around each corner."""
    points: NDArray[np.float64] = CORNERS.repeat(n, axis=0) + 0.1 * np.random.default_rng(0).normal(size=(4 * n, 2))
    return points


def quadrant(points: NDArray[np.floating]) -> NDArray[np.int64]:
    return (points[:, 0] > 0) + 2 * (points[:, 1] > 0).astype(np.int64)


def shows(figure: NDArray[np.uint8], colour: str) -> bool:
    return bool((np.abs(figure - 255 * np.array(to_rgb(colour))).max(-1) < 12).any())


def pages(path: Path) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """The pages of a GIF file, and the milliseconds of each."""
    with Image.open(path) as film:
        found, times = [], []
        for f in range(film.n_frames):
            film.seek(f)
            found.append(np.asarray(film.convert("RGB")))
            times.append(film.info["duration"])
        assert film.info["loop"] == 0
    return found, times


def test_a_scatter_colours_samples_by_category(tmp_path: Path) -> None:
    out = tmp_path / "samples.png"
    drawn.scatter(cloud(), SAMPLES, quadrant(SAMPLES), out, "four clusters")
    plane = pixels(out)[:, :430]  # without the legend
    assert [shows(plane, colour) for colour in COLOURS[:5]] == [True, True, True, True, False]
    drawn.scatter(cloud(), SAMPLES, None, out, "four clusters")
    assert [shows(pixels(out), colour) for colour in COLOURS[:2]] == [True, False]


def test_a_scatter_says_how_many_samples_are_out_of_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr(drawn, "save", lambda figure, out: said.append(figure.axes[0].get_xlabel()))
    samples = cloud(5)
    drawn.scatter(cloud(), samples, None, tmp_path / "x.png", "")
    samples[:3] = [[50.0, 0], [0, -50], [np.nan, 0]]
    drawn.scatter(cloud(), samples, None, tmp_path / "x.png", "")
    assert said == ["", "3 of 20 samples lie outside"]


def test_every_category_has_a_colour_of_its_own() -> None:
    colours = drawn._colours(np.arange(20))
    apart = np.abs(colours[:, np.newaxis] - colours).max(-1) + np.eye(20)
    assert apart.min() > 0.1
    np.testing.assert_array_equal(drawn._colours(np.array([12, 3])), colours[[12, 3]])


def test_an_animation_moves_the_samples_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "samples.gif"
    frames = np.stack([share * SAMPLES for share in (0.0, 0.5, 1.0)])
    category = np.stack([np.zeros(40, np.int64), np.ones(40, np.int64), quadrant(SAMPLES)])
    drawn.animation(cloud(), frames, category, [0, 500, 1000], out)
    found, times = pages(out)
    assert times == [500, 500, 2500]
    first, second, last = (page[40:, :430] for page in found)  # without title and legend
    assert (shows(first, COLOURS[0]), shows(first, COLOURS[1])) == (True, False)
    assert (shows(second, COLOURS[0]), shows(second, COLOURS[1])) == (False, True)
    assert all(shows(last, colour) for colour in COLOURS[:4])
    ticks = [page[-30:] for page in found]
    np.testing.assert_array_equal(ticks[0], ticks[2])
    assert found[0].max() == 255


def test_of_many_frames_sixty_are_shown() -> None:
    assert drawn._evenly(3) == [0, 1, 2]
    chosen = drawn._evenly(1000)
    assert len(set(chosen)) == 60
    assert (chosen[0], chosen[-1]) == (0, 999)
    assert set(np.diff(chosen)) <= {16, 17, 18}


def test_regions_are_those_of_the_classifier(tmp_path: Path) -> None:
    out = tmp_path / "regions.png"
    drawn.regions(cloud(), (-2, 2, -2, 2), lambda points: 2 * quadrant(points), out)
    figure = pixels(out)
    assert [shows(figure, COLOURS[k]) for k in range(8)] == [True, False] * 4
    pale = [
        np.argwhere(np.abs(figure - (0.3 * 255 * np.array(to_rgb(COLOURS[k])) + 0.7 * 255)).max(-1) < 2)
        for k in (0, 2, 4, 6)
    ]
    (below, left), (_, right), (above, _), _ = (place.mean(axis=0) for place in pale)
    assert left < right
    assert above < below


def test_a_grid_keeps_every_pixel(tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8))
    drawn.image_grid(images, out)
    figure = np.asarray(Image.open(out))
    assert figure.shape == (2 * 75 + 3, 3 * 75 + 3, 3)  # nine times as large, gaps of three
    for i, j in np.ndindex(2, 3):
        square = figure[3 + 75 * i : 75 * (i + 1), 3 + 75 * j : 75 * (j + 1)]
        np.testing.assert_array_equal(square, images[i, j].repeat(9, 0).repeat(9, 1)[..., np.newaxis].repeat(3, 2))
    assert (figure[:3] == 255).all()
    assert (figure[:, 75:78] == 255).all()


def test_a_grid_has_colours_names_and_a_span(tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    images = np.zeros((1, 2, 4, 4, 3))
    images[0, 1] = [-1, 0.5, 5]
    images[0, 0] = [np.nan, -1, -9]
    drawn.image_grid(images, out, ["ankle boot", "a name that is much too long for it"], span=(-1, 1))
    figure = np.asarray(Image.open(out))
    strip, images_below = figure[:-78], figure[-78:]
    np.testing.assert_array_equal(images_below[40, 40], [0, 0, 0])
    np.testing.assert_array_equal(images_below[40, 115], [0, 191, 255])
    dark = np.flatnonzero((strip < 128).any(axis=(0, 2)))
    assert dark.min() < 38
    assert 115 < dark.max() < figure.shape[1] - 1
    drawn.image_grid(images, out, span=(-1, 1))
    np.testing.assert_array_equal(np.asarray(Image.open(out)), images_below)


def test_a_large_grid_is_not_magnified_beyond_measure(tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    drawn.image_grid(np.zeros((1, 100, 28, 28)), out)
    assert Image.open(out).size == (100 * 31 + 3, 34)


def test_an_animation_of_images_keeps_their_greys(tmp_path: Path) -> None:
    out = tmp_path / "grid.gif"
    images = np.arange(256).reshape(1, 1, 16, 16)
    drawn.image_animation(np.stack([0 * images, images]), [0, 2000], out)
    found, times = pages(out)
    assert times == [500, 2500]
    np.testing.assert_array_equal(found[1][-3 - 48 : -3 : 3, 3:-3:3], images[0, 0][..., np.newaxis].repeat(3, 2))
    assert found[0][-3 - 48 : -3, 3:-3].max() == 0


def test_entropy_is_drawn_below_that_of_equal_categories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(drawn, "save", lambda figure, out: figures.append(figure))
    step, mean = np.array([0, 100, 200]), np.array([2.0, 1.5, 1.3])
    drawn.entropy_curve(step, mean, mean - 0.1, mean + 0.05, tmp_path / "entropy.png", 8)
    (axis,) = figures[0].axes
    curve, most = axis.lines
    np.testing.assert_array_equal(curve.get_xydata(), np.stack([step, mean], axis=1))
    assert most.get_ydata()[0] == pytest.approx(2.0794, abs=1e-4)
    assert axis.texts[0].get_text() == "log 8 = 2.0794"
    low, high = axis.get_ylim()
    assert low == 0
    assert high > 2.0794

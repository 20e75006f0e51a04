"""A filled table as bars with error bars, the paper's figures as marks."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganx.drawing import drawing
from ganx.tables.render import NO_CELL, Page
from ganx.tables.sheet import Cell, Sheet

_PROTOCOLS = ("#4c72b0", "#8cb0d9")
_ROWS = ("#4c72b0", "#dd8452", "#55a868", "#8172b3", "#937860", "#da8bc3", "#8c8c8c", "#ccb974", "#64b5cd")
_BARS = {"linewidth": 1, "ecolor": "#333333"}
_DPI = 110

# Inches. A layout engine would draw everything twice to find such margins.
_LEFT, _TOP, _LINE = 1.7, 0.75, 0.14


def png(page: Page) -> bytes:
    """Return a figure: a panel for each column; of a table with many columns, a panel for each protocol.

    Columns share a panel only where they share their metric: one axis cannot have two.
    """
    sheet = page.sheet
    wide = page.transposed and len({column.metric for column in sheet.definition.columns}) == 1
    n_panels = len(sheet.protocols) if wide else len(sheet.definition.columns)
    width = 14.0 if wide else max(_LEFT + 2.2 * n_panels, 7.0)
    panel = 2.4 if wide else 0.5 + 0.22 * len(sheet.definition.rows) * len(sheet.protocols)
    said = [line for fact in page.facts for line in textwrap.wrap(fact, int(width * 17))]
    bottom = (1.0 if wide else 0.45) + _LINE * len(said)
    height = _TOP + bottom + panel * (n_panels if wide else 1)
    left = 0.7 if wide else _LEFT
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    shape = (n_panels, 1) if wide else (1, n_panels)
    panels = figure.subplots(*shape, squeeze=False, sharex=wide, sharey=True).flatten().tolist()
    margins = {"left": left / width, "right": 1 - 0.1 / width, "top": 1 - _TOP / height, "bottom": bottom / height}
    figure.subplots_adjust(**margins, wspace=0.12, hspace=0.3)
    for axes, name in zip(panels, sheet.protocols if wide else [c.name for c in sheet.definition.columns], strict=True):
        (_draw_protocol if wide else _draw_column)(axes, sheet, name)
    figure.text(0.1 / width, 1 - 0.12 / height, page.title, va="top", fontsize=11, fontweight="bold")
    figure.text(0.1 / width, 0.08 / height, "\n".join(said), va="bottom", fontsize=7)
    _legend(figure, panels, (0.02 / width, 1 - 0.3 / height))
    file = io.BytesIO()
    with drawing():
        figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


def _draw_column(axes: Axes, sheet: Sheet, column: str) -> None:
    """Draw a bar for each row and protocol."""
    rows = [row.name for row in sheet.definition.rows]
    thick = 0.8 / len(sheet.protocols)
    least = 0.0  # some metrics may be negative
    for p, protocol in enumerate(sheet.protocols):
        cells = [sheet.cells.get((row, column, protocol)) for row in rows]
        places = [i - 0.4 + thick * (p + 0.5) for i in range(len(rows))]
        means, deviations = _bars(cells)
        colour, label = _PROTOCOLS[p % len(_PROTOCOLS)], f"protocol={protocol}"
        axes.barh(places, means, thick, xerr=deviations, color=colour, error_kw=_BARS, label=label)
        least = min(least, *means)
        for place, cell in zip(places, cells, strict=True):
            state = cell.state if cell else NO_CELL
            if state != "done":
                axes.text(0, place, f" {state}", va="center", fontsize=6, color="#666666")
    published = [
        (f.mean, rows.index(row), f.sd or 0) for (row, name), f in sheet.definition.published.items() if name == column
    ]
    if published:
        means, places, deviations = map(list, zip(*published, strict=True))
        axes.errorbar(means, places, xerr=deviations, fmt="D", color="#c44e52", markersize=4, lw=1, label="published")
    axes.set_title(column, fontsize=9)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=1.1 * least)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_protocol(axes: Axes, sheet: Sheet, protocol: str) -> None:
    """Draw a group of bars for each column, a colour for each row; what is missing leaves a gap."""
    rows, columns = sheet.definition.rows, sheet.definition.columns
    thick = 0.8 / len(rows)
    for r, row in enumerate(rows):
        cells = [sheet.cells.get((row.name, column.name, protocol)) for column in columns]
        places = [i - 0.4 + thick * (r + 0.5) for i in range(len(columns))]
        means, deviations = _bars(cells)
        colour = _ROWS[r % len(_ROWS)]
        axes.bar(places, means, thick, yerr=deviations, color=colour, error_kw=_BARS, label=row.name)
    axes.set_title(f"protocol={protocol}", fontsize=9, loc="left")
    axes.set_xticks(range(len(columns)), [column.name for column in columns], rotation=90, fontsize=8)
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.set_ylim(bottom=0)
    axes.tick_params(axis="y", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(cells: Sequence[Cell | None]) -> tuple[list[float], list[float]]:
    """Return means and deviations, 0 where there are none."""
    return [(cell and cell.mean) or 0 for cell in cells], [(cell and cell.sd) or 0 for cell in cells]


def _legend(figure: Figure, panels: list[Axes], corner: tuple[float, float]) -> None:
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    style = {"fontsize": 7, "ncols": 9, "frameon": False}
    figure.legend(entries.values(), entries.keys(), loc="upper left", bbox_to_anchor=corner, **style)

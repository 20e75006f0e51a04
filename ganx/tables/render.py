"""A filled table as text: terminal, Markdown, LaTeX, CSV. Numbers come from run folders, never from a keyboard."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cached_property

from rich.table import Table as RichTable
from rich.text import Text

from ganx.metrics.registry import metric_of
from ganx.tables.definition import TableColumn
from ganx.tables.origin import Origin
from ganx.tables.sheet import Cell, Mark, Place, Sheet
from ganx.tables.statistics import mean
from ganx.text import plural

#: More columns than this stand as lines; the rows become columns.
WIDEST = 8
PUBLISHED = "published"
#: Where a row has no cell.
NO_CELL = "–"

_FIELDS = (
    *("table", "scale", "protocol", "row", "column", "metric", "state", "mean", "sd", "seeds", "seeds_wanted"),
    *("replicas", "mark", "published_mean", "published_sd", "notes", "dates", "code", "machines"),
    *("beside", "beside_mean"),
)


@dataclass(frozen=True)
class Entry:
    """What stands in one place: ours or the paper's, never both."""

    text: str
    mark: Mark = ""
    notes: tuple[int, ...] = ()
    published: bool = False


@dataclass(frozen=True)
class Page:
    """A sheet laid out: headings, lines, and what is said below them."""

    sheet: Sheet

    @cached_property
    def origin(self) -> Origin:
        """Where the numbers come from."""
        return Origin.of({run.folder.path: run for cell in self.sheet.cells.values() for run in cell.pooled}.values())

    @cached_property
    def notes(self) -> list[str]:
        """Footnotes: what methods had to cap."""
        return list(dict.fromkeys(note for cell in self.sheet.cells.values() for note in cell.notes))

    @cached_property
    def problems(self) -> list[str]:
        """What a user should know or do, a line each."""
        return list(dict.fromkeys(line for cell in self.sheet.cells.values() for line in cell.problems))

    @property
    def title(self) -> str:
        """The title, with the scale where it is not the published one."""
        return self.sheet.definition.title + (" (QUICK SCALE)" if self.sheet.scale == "quick" else "")

    @property
    def facts(self) -> list[str]:
        """What every output says: metric, scale, protocol, completeness, origin."""
        sheet = self.sheet
        scale = "paper scale" if sheet.scale == "paper" else "quick scale (fewer seeds, folds, steps and rows)"
        spread = "± sd over seeds of the mean over folds" if sheet.seeds > 1 else "(one seed: no sd)"
        facts = [
            f"{self._measured}: mean over replicas {spread}; "
            f"n = {plural(sheet.seeds, 'seed')} unless a cell says otherwise",
            f"{scale}; {' and '.join(f'protocol={name}' for name in sheet.protocols)}; "
            f"{sheet.done} of {plural(len(sheet.cells), 'cell')} complete",
            str(self.origin),
        ]
        if sheet.marks:
            facts.insert(
                1,
                f"bold or *: best of its {'line' if self.transposed else 'column'}; †: not significantly worse "
                "(corrected resampled t-test, Nadeau and Bengio 2003, two-sided, 5 %)",
            )
        if sheet.definition.published:
            facts.append(f"{PUBLISHED}: {sheet.definition.source}")
        return facts

    @property
    def _measured(self) -> str:
        """The metrics of the columns, and which way each is better."""
        metrics: dict[str, list[str]] = {}
        shown = {cell.metric for cell in self.sheet.cells.values() if cell.beside}
        for column in self.sheet.definition.columns:
            beside = f" / {metric_of(column.metric).beside}" if column.metric in shown else ""
            metrics.setdefault(column.better, []).append(column.metric + beside)
        said = {"lower": ", lower is better", "higher": ", higher is better", "none": ""}
        return "; ".join(", ".join(dict.fromkeys(names)) + said[better] for better, names in metrics.items())

    @property
    def transposed(self) -> bool:
        """Whether the table's columns are lines here, because there are too many of them."""
        return len(self.sheet.definition.columns) > WIDEST

    @cached_property
    def grid(self) -> tuple[list[str], list[tuple[str, list[Entry]]]]:
        """The headings, and a name with entries for each line."""
        sheet = self.sheet
        rows = [row.name for row in sheet.definition.rows]
        heads = [
            (column, kind) for column in sheet.definition.columns for kind in (*sheet.protocols, *self._of(column.name))
        ]
        lines = {row: [self._entry(row, column, kind) for column, kind in heads] for row in rows}
        names = [self._heading(column.name, kind) for column, kind in heads]
        if not self.transposed:
            return names, list(lines.items())
        return rows, [(name, [lines[row][i] for row in rows]) for i, name in enumerate(names)]

    def _of(self, column: str) -> list[str]:
        return [PUBLISHED] if any(place[1] == column for place in self.sheet.definition.published) else []

    def _heading(self, column: str, kind: str) -> str:
        return column if kind == self.sheet.protocols[0] and len(self.sheet.protocols) == 1 else f"{column}, {kind}"

    def _entry(self, row: str, column: TableColumn, kind: str) -> Entry:
        if kind == PUBLISHED:
            printed = self.sheet.definition.published.get((row, column.name))
            return Entry(_mean_sd(printed.mean, printed.sd, column.metric) if printed else "", published=True)
        place: Place = (row, column.name, kind)
        cell = self.sheet.cells.get(place)
        if cell is None:
            return Entry(NO_CELL)
        notes = tuple(self.notes.index(note) + 1 for note in cell.notes)
        return Entry(told(cell), self.sheet.marks.get(place, ""), notes)


def told(cell: Cell) -> str:
    """Return a cell's mean and deviation, after a slash the metric beside it, or its state; both while not complete."""
    if cell.mean is None:
        return cell.state
    reached = _mean_sd(cell.mean, cell.sd, cell.metric)
    if cell.beside:
        reached += f" / {_mean_sd(mean(cell.beside), None, cell.metric)}"
    if cell.state == "done":
        return reached
    seeds = f"{cell.n} of {cell.seeds} seeds"
    return f"{reached} ({seeds})" if cell.state == "partial" else f"{reached} ({seeds}, {cell.state})"


def terminal(page: Page) -> RichTable:
    """Return the table for a terminal."""
    names, lines = page.grid
    grid = RichTable(title=page.title, title_justify="left", title_style="bold")
    grid.add_column("")
    for name in names:
        grid.add_column(name, justify="right")
    for name, entries in lines:
        grid.add_row(name, *map(_styled, entries))
    return grid


def markdown(page: Page) -> str:
    """Return the table as Markdown."""
    names, lines = page.grid
    table = [["", *names], ["---", *["---:"] * len(names)]]
    table += [[name, *map(_in_markdown, entries)] for name, entries in lines]
    body = "\n".join(f"| {' | '.join(line)} |" for line in table)
    facts = "\n".join(f"- {fact}" for fact in page.facts)
    notes = "\n".join(f"{i}. {note}" for i, note in enumerate(page.notes, 1))
    problems = "\n".join(f"- {line}" for line in page.problems)
    parts = [f"# {page.title}", body, facts, notes, f"Not complete:\n\n{problems}" if problems else ""]
    return "\n\n".join(part for part in parts if part) + "\n"


def latex(page: Page) -> str:
    """Return the table as LaTeX; it needs the package booktabs."""
    names, lines = page.grid
    body = [" & ".join([_escape(name), *map(_in_latex, entries)]) + r" \\" for name, entries in lines]
    said = [*page.facts, *(f"{i}: {note}" for i, note in enumerate(page.notes, 1))]
    text = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{_escape('. '.join([page.title, *said]))}.}}",
        rf"\begin{{tabular}}{{l{'r' * len(names)}}}",
        r"\toprule",
        " & ".join(["", *map(_escape, names)]).strip() + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(text) + "\n"


def comma_separated(page: Page) -> str:
    """Return the table as CSV, a line for each cell."""
    sheet = page.sheet
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    for place, cell in sheet.cells.items():
        printed, origin = sheet.published(cell), Origin.of(cell.pooled)
        writer.writerow(
            [
                *(sheet.definition.name, sheet.scale, cell.protocol, cell.row, cell.column, cell.metric),
                *(cell.state, cell.mean, cell.sd, cell.n, cell.seeds, len(cell.values or ())),
                sheet.marks.get(place, ""),
                *((printed.mean, printed.sd) if printed else (None, None)),
                *map("; ".join, (cell.notes, origin.dates, origin.commits, origin.machines)),
                *((metric_of(cell.metric).beside, mean(cell.beside)) if cell.beside else (None, None)),
            ]
        )
    return text.getvalue()


def _mean_sd(mean: float, sd: float | None, metric: str) -> str:
    n = metric_of(metric).decimals
    return f"{mean:.{n}f}" if sd is None else f"{mean:.{n}f} ± {sd:.{n}f}"


def _styled(entry: Entry) -> Text:
    style = "dim" if entry.published else {"best": "bold green", "tied": "green"}.get(entry.mark, "")
    sign = {"best": " *", "tied": " †"}.get(entry.mark, "")
    notes = "".join(f" [{i}]" for i in entry.notes)
    return Text(f"{entry.text}{sign}{notes}", style=style)


def _in_markdown(entry: Entry) -> str:
    text = f"**{entry.text}**" if entry.mark == "best" else entry.text
    dagger = " †" if entry.mark == "tied" else ""
    return text + dagger + "".join(f" <sup>{i}</sup>" for i in entry.notes)


def _in_latex(entry: Entry) -> str:
    text = _escape(entry.text)
    text = rf"\textbf{{{text}}}" if entry.mark == "best" else text
    dagger = r"$^\dagger$" if entry.mark == "tied" else ""
    return text + dagger + "".join(f"$^{{{i}}}$" for i in entry.notes)


def _escape(text: str) -> str:
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "†": r"$\dagger$",
    }
    special |= {character: rf"\{character}" for character in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)

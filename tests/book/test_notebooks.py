"""The chapters as saved: executed, quiet, short-celled, with parameters for papermill."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
PARAMETERS = ("DATASET", "DATA", "WEIGHTS", "SEED")


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda p: p.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def _code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def test_is_valid(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)


def test_begins_with_a_title(notebook: nbformat.NotebookNode) -> None:
    assert notebook.cells[0].source.startswith("# ")


def test_has_one_parameters_cell(notebook: nbformat.NotebookNode) -> None:
    tagged = [c for c in _code(notebook) if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert set(PARAMETERS) <= set(re.findall(r"^(\w+)\b.*=", tagged[0].source, re.M))


def test_was_executed_from_first_to_last(notebook: nbformat.NotebookNode) -> None:
    counts = [c.execution_count for c in _code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_saved_no_error_and_no_stderr(notebook: nbformat.NotebookNode) -> None:
    outputs = [o for c in _code(notebook) for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


def test_cells_are_short(notebook: nbformat.NotebookNode) -> None:
    assert not [c.source for c in _code(notebook) if len(c.source.splitlines()) > 25]


def test_defines_no_class(notebook: nbformat.NotebookNode) -> None:
    assert not [c.source for c in _code(notebook) if re.search(r"^class ", c.source, re.M)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_links_exist(path: Path) -> None:
    prose = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose)
    assert not [t for t in targets if "://" not in t and not (path.parent / t).exists()]


def test_every_figure_is_written_by_a_notebook() -> None:
    figures = (NOTEBOOKS[0].parents[1] / "figures").glob("*.*") if NOTEBOOKS else []
    written = "".join(c.source for n in NOTEBOOKS for c in _code(nbformat.read(n, as_version=4)))
    assert not [f.name for f in figures if f.stem not in written]

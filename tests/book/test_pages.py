"""The prose pages: every link, figure, citation and name in them exists."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from actret_core.models.config import RegionNetConfig
from actret_core.text.config import JposeConfig, MmenConfig
from actret_core.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("book/*.md")) + [ROOT / "README.md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)|```\{(?:figure|image|literalinclude)\} (\S+)")
CONFIGS = {c.__name__: c for c in (RegionNetConfig, TrainConfig, JposeConfig, MmenConfig)}
FIELD = rf"`({'|'.join(CONFIGS)})\.(\w+)`"


def _entries(toc: dict) -> list[str]:
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    parts = [entry["file"] for chapter in chapters for entry in (chapter, *chapter.get("sections", []))]
    return [toc["root"], *parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_and_figures_exist(page: Path) -> None:
    targets = [a or b for a, b in LINK.findall(page.read_text())]
    absent = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not absent


def test_every_page_and_notebook_is_in_the_table_of_contents() -> None:
    listed = _entries(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    sources = [*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    assert sorted(listed) == sorted(str(s.relative_to(ROOT).with_suffix("")) for s in sources)


def test_every_citation_is_in_the_bibliography() -> None:
    known = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text(), re.M))
    sources = [*PAGES, *ROOT.glob("notebooks/*.ipynb")]
    groups = [g for p in sources for g in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", p.read_text())]
    cited = {key.strip() for group in groups for key in group.split(",")}
    assert cited <= known


def test_paper_to_code_names_real_code() -> None:
    """Each `module.py`: `name` of a row that is not planned is defined in that module."""
    lines = [line for line in (ROOT / "book/paper_to_code.md").read_text().splitlines() if "planned*: `" not in line]
    for line in lines:
        for module, names in re.findall(r"`(\w+/\w+\.py)`(?:: ((?:`[\w.]+`(?:, )?)+))?", line):
            path = ROOT / "actret_core" / module
            assert path.exists(), line
            nodes = ast.walk(ast.parse(path.read_text()))
            defined = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
            wanted = {part for name in re.findall(r"`([\w.]+)`", names) for part in name.split(".")}
            assert wanted <= defined, line


@pytest.mark.parametrize("page", ["open_choices.md", "paper_to_code.md"])
def test_config_fields_exist(page: str) -> None:
    for config, field in re.findall(FIELD, (ROOT / "book" / page).read_text()):
        assert field in {f.name for f in dataclasses.fields(CONFIGS[config])}, f"{config}.{field}"


def test_open_choices_states_the_defaults() -> None:
    text = (ROOT / "book/open_choices.md").read_text()
    stated = re.findall(FIELD + r"\s+\*\*= (.+?)\*\*", text)
    assert len(stated) >= 10
    for config, field, value in stated:
        default = {f.name: f.default for f in dataclasses.fields(CONFIGS[config])}[field]
        assert default == ast.literal_eval(value), f"{config}.{field} = {value}"


def test_the_page_of_results_says_what_is_recorded() -> None:
    """A cell says "recorded" where a run of that data set, method, variant and tier is in `results/`."""
    runs = {"reduced": "-cpu", "cpu": "-cpu", "full": "-full", "plus": "-plus"}
    row = re.compile(r"^\| (stanford40|voc2012|epic_kitchens|msrvtt) \| (.+?) \|(.+)\|$", re.M)
    rows = row.findall((ROOT / "book/results.md").read_text())
    assert len(rows) == 26
    for dataset, names, cells in rows:
        method, *variant = re.findall(r"`(\w+)`", names)
        for (column, tier), said in zip(runs.items(), cells.split("|"), strict=True):
            stem = "-".join([method, *(["reduced"] if column == "reduced" else []), *variant]) + tier
            exists = any((ROOT / "results" / dataset).glob(f"{stem}-seed*.json"))
            assert said.strip() == ("recorded" if exists else "not run"), (dataset, stem)

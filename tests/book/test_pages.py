"""The prose pages: every link, figure, citation and name in them exists."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest
import typer
import yaml

from actret_core.cli.main import app
from actret_core.models.config import RegionNetConfig
from actret_core.text.config import JposeConfig, MmenConfig
from actret_core.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("book/*.md")) + [ROOT / "README.md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)|```\{(?:figure|image|literalinclude)\} (\S+)")
CONFIGS = {c.__name__: c for c in (RegionNetConfig, TrainConfig, JposeConfig, MmenConfig)}
CODE = re.compile(r"`((?:\w+/)*\w+\.(?:py|yaml|slurm))`(?:: ((?:`[\w.]+`(?:, )?)+))?")
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


def _defined(path: Path) -> set[str]:
    """Functions, classes and constants of a module, and the methods of its classes."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}


def wrong_code(text: str) -> list[str]:
    """What a page names as `folder/module.py`, or as `folder/module.py`: `name`, `name`, and is not there.

    A path begins below the package or at the repository's root.
    """
    wrong = []
    for file, names in re.findall(CODE, text):
        path = next((base / file for base in (ROOT / "actret_core", ROOT) if (base / file).exists()), None)
        wanted = {part for name in re.findall(r"`([\w.]+)`", names) for part in name.split(".")}
        missing = wanted - _defined(path) if path and path.suffix == ".py" else set()
        wrong += [file] * (path is None) + [f"{file}: {name}" for name in sorted(missing)]
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_modules_named_in_prose_exist(page: Path) -> None:
    assert not wrong_code(page.read_text())


def test_paper_to_code_names_real_code() -> None:
    text = (ROOT / "book/paper_to_code.md").read_text()
    assert len(re.findall(CODE, text)) > 50, "the pattern finds too little"
    assert not wrong_code(text)
    folders = re.findall(r"`((?:\w+/)+)`", text)
    assert not [f for f in folders if not any((base / f).is_dir() for base in (ROOT, ROOT / "actret_core"))]


def _commands(text: str) -> list[str]:
    """What a page tells to type after `actret`: whole lines of shell blocks, and code within a sentence."""
    blocks = "".join(re.findall(r"```bash\n(.*?)```", text, re.S)).replace("\\\n", " ")
    return re.findall(r"^(?:\S+=\S+ )*actret ([^#\n]+)", blocks, re.M) + re.findall(r"`actret ([^`]+)`", text)


def wrong_words(command: str) -> list[str]:
    """Names of commands, and options, that the command line does not have."""
    here, words = typer.main.get_command(app), command.split()
    while words and hasattr(here, "commands"):
        name = words[0]
        if name.startswith("-") or name == "COMMAND":
            break
        if name not in here.commands:
            return [name]
        here, words = here.commands[name], words[1:]
    known = {option for parameter in here.params for option in parameter.opts} | {"--help"}
    return [word for word in words if word.startswith("--") and word not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_prose_exist(page: Path) -> None:
    commands = _commands(page.read_text())
    assert commands or page.name not in ("README.md", "benchmark.md", "how_to_use.md")
    assert not [(command, wrong) for command in commands if (wrong := wrong_words(command))]


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("text videos --dataset msrvtt --train a.npz", []),
        ("--help", []),
        ("bench", ["bench"]),
        ("text study --seed 1", ["--seed"]),
        ("text stories", ["stories"]),
    ],
)
def test_a_wrong_command_is_found(command: str, wrong: list[str]) -> None:
    assert wrong_words(command) == wrong


def test_where_things_are_lists_every_room() -> None:
    package = ROOT / "actret_core"
    rooms = {f"{path.parent.name}/" for path in package.glob("*/*.py")} | {path.name for path in package.glob("*.py")}
    text = (ROOT / "book/paper_to_code.md").read_text()
    table = text[text.index("## Where things are"):text.index("## Where to change")]
    assert {room for room in rooms if not room.startswith("__")} <= set(re.findall(r"`(\w+(?:/|\.py))`", table))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`regions/ranking.py`: `select_context`, `rank_split`", []),
        ("`retrieval/reranking/rerank.py`: `Reranker.ranking`", []),
        ("`files.py`; `models/methods.py`: `METHODS`; `benchmarks/run.py`", []),
        ("`data/stanford40.py`: `read_stanford40`", ["data/stanford40.py"]),
        ("`data/readers/stanford41.py`", ["data/readers/stanford41.py"]),
        ("`data/readers/stanford40.py`: `read_stanford41`", ["data/readers/stanford40.py: read_stanford41"]),
        ("`parallel.py`; `models/fusion.py`: `sinusoid`, `cosine`", ["parallel.py", "models/fusion.py: cosine"]),
        ("`experiments/sweeps/fulll.yaml`", ["experiments/sweeps/fulll.yaml"]),
        ("`benchmarks/runs.py`", ["benchmarks/runs.py"]),
    ],
)
def test_a_wrong_path_or_name_is_found(text: str, wrong: list[str]) -> None:
    assert wrong_code(text) == wrong


def test_literal_includes_name_real_code() -> None:
    """The site build warns, too, but takes minutes."""
    text = (ROOT / "book/paper_to_code.md").read_text()
    shown = re.findall(r"\{literalinclude\} \.\./(\S+)\n:pyobject: (\S+)", text)
    assert len(shown) == text.count("{literalinclude}") > 10
    assert not wrong_code("\n".join(f"`{path}`: `{name}`" for path, name in shown))


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

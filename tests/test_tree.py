"""The package's rooms stand on floors: imports run downward only, and nowhere in a circle."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "actret_core"
# From the ground up. A room may import from itself and from every floor below, never from a room beside it.
FLOORS = (
    ("__init__", "errors"),
    ("config",),
    ("files", "distributed"),
    ("data", "models", "retrieval"),
    ("regions", "training", "viz"),
    ("experiments",),
    ("text",),
    ("cli", "__main__"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
LOOSE = {"__init__", "__main__", "errors", "config", "files", "distributed"}
BESIDE = {"book", "benchmarks"}  # what is tested beside the package
Graph = dict[str, set[str]]


def _modules() -> dict[str, Path]:
    """A dotted name below the package -> its file; a folder's name stands for its `__init__`."""
    base = ROOT / PACKAGE
    paths = {path.relative_to(base).with_suffix("").parts: path for path in base.rglob("*.py")}
    return {".".join(parts).removesuffix(".__init__"): path for parts, path in paths.items()}


def _imported(tree: ast.AST) -> set[str]:
    """Every dotted name that is imported, at the top or inside a function; `from a import b` gives a.b."""
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    relative = [f"line {node.lineno}" for node in named if node.level]
    assert not relative, f"relative imports, write {PACKAGE}.name instead: {relative}"
    return plain | {f"{node.module}.{alias.name}" for node in named for alias in node.names}


def _module_of(name: str, modules: dict[str, Path]) -> str:
    """The module that `name` (actret_core.data.split.subset) is, or is in; `__init__` is the package itself."""
    below = name.removeprefix(PACKAGE).removeprefix(".")
    while below and below not in modules:
        below = below.rpartition(".")[0]
    return below or "__init__"


@pytest.fixture(scope="module")
def graph() -> Graph:
    modules = _modules()
    found = {module: _imported(ast.parse(path.read_text())) for module, path in modules.items()}
    ours = {module: {n for n in names if n.split(".")[0] == PACKAGE} for module, names in found.items()}
    return {module: {_module_of(n, modules) for n in names} - {module} for module, names in ours.items()}


def _room(module: str) -> str:
    return module.split(".")[0]


def arrows_up(graph: Graph) -> list[str]:
    """Imports that do not lead downward, as `a -> b`; a room's own modules may import one another."""
    arrows = [(a, b) for a, names in graph.items() for b in names if _room(a) != _room(b)]
    door = ("__main__", "cli.main")
    return sorted(f"{a} -> {b}" for a, b in arrows if (a, b) != door and FLOOR_OF[_room(a)] <= FLOOR_OF[_room(b)])


def circle(graph: Graph) -> str:
    """The modules of one circle of imports, as `a -> b -> a`; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))  # it lists what comes first first
    return ""


def test_imports_run_downward(graph: Graph) -> None:
    assert not arrows_up(graph), "imports that run up or sideways; see FLOORS"


def test_no_circle(graph: Graph) -> None:
    assert not circle(graph)


def test_every_room_has_its_floor(graph: Graph) -> None:
    rooms = {_room(module) for module in graph}
    assert rooms == FLOOR_OF.keys(), "add a new room to FLOORS, or move its modules into one that is there"
    assert {path.stem for path in (ROOT / PACKAGE).glob("*.py")} == LOOSE, "the root is the ground and the door"


def test_the_package_does_not_know_its_benchmarks_and_tests() -> None:
    found = {module: _imported(ast.parse(path.read_text())) for module, path in _modules().items()}
    wrong = [f"{a} -> {n}" for a, names in found.items() for n in names if n.split(".")[0] in ("benchmarks", "tests")]
    assert not wrong


def test_the_tests_mirror_the_package() -> None:
    tests, package = ROOT / "tests", ROOT / PACKAGE
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    strange = [str(f) for f in folders if f.parts[:1] not in {(b,) for b in BESIDE} and not (package / f).is_dir()]
    assert not strange, f"folders of tests/ that {PACKAGE}/ does not have"


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"cli.main": {"text.train", "errors"}, "text.train": {"text.losses"}}, []),
        ({"data.split": {"experiments.run"}}, ["data.split -> experiments.run"]),
        ({"data.maps": {"models.backbone"}}, ["data.maps -> models.backbone"]),
        ({"config": {"errors"}, "errors": {"config"}}, ["errors -> config"]),
        ({"text.train": {"cli.text"}, "__main__": {"cli.main"}}, ["text.train -> cli.text"]),
    ],
    ids=["down", "up", "sideways", "on the ground", "the door"],
)
def test_an_arrow_up_is_named(graph: Graph, expected: list[str]) -> None:
    assert arrows_up(graph) == expected


def test_the_files_that_workers_begin_with_exist() -> None:
    named = re.findall(r'"(\w+\.(?:py|ipynb))"', (ROOT / "tests" / "conftest.py").read_text())
    there = {path.name for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("notebooks/*.ipynb"))}
    assert named and not set(named) - there, "LONGEST in tests/conftest.py"


def test_a_circle_is_named() -> None:
    assert not circle({"data.a": {"data.b", "data.c"}, "data.b": {"data.c"}})
    found = circle({"data.a": {"data.b"}, "data.b": {"data.c"}, "data.c": {"data.a"}, "data.d": {"data.a"}})
    assert found in ("data.a -> data.b -> data.c -> data.a", "data.b -> data.c -> data.a -> data.b",
                     "data.c -> data.a -> data.b -> data.c")


def test_an_import_inside_a_function_is_seen() -> None:
    code = "import torch\ndef f():\n    from actret_core.data import split\n    import actret_core.cli.main"
    assert _imported(ast.parse(code)) == {"torch", "actret_core.data.split", "actret_core.cli.main"}
    modules = {"data": ROOT, "data.split": ROOT}
    for name, module in (("data.split.subset", "data.split"), ("data.missing", "data"), ("__version__", "__init__")):
        assert _module_of(f"{PACKAGE}.{name}", modules) == module

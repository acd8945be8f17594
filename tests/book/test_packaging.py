"""What a stranger meets first: pins, citation, commands, and no trace of the machine it was written on."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import actret_core

ROOT = Path(__file__).parents[2]


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def _pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    return {_name(line): line for line in lines}


def _tracked(pattern: str) -> str:
    """Lines of tracked text files that match an extended regular expression."""
    found = subprocess.run(["git", "grep", "-nIE", pattern, "--", "."], cwd=ROOT, capture_output=True, text=True)
    if found.returncode > 1:
        pytest.skip("not a git work tree")
    return found.stdout


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    assert {_name(w) for w in wanted} <= _pins().keys()


def test_pins_are_exact_and_leave_cuda_open() -> None:
    pins = _pins()
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", pin) for pin in pins.values())
    assert not [name for name in pins if name.startswith(("nvidia-", "cuda-", "triton"))]


def test_conda_uses_the_same_pins() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(d["pip"] for d in dependencies if isinstance(d, dict))
    assert pip == ["-c constraints.txt", "-e .[book,test]"]


def test_citation() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "type", "authors", "license", "version"} <= citation.keys()
    assert citation["version"] == actret_core.__version__
    assert len(citation["references"]) == 2


def test_commands_in_prose_are_targets() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in [ROOT / "README.md", *ROOT.glob("book/*.md")]:
        blocks = "".join(re.findall(r"```bash\n(.*?)```", page.read_text(), re.S))
        named = re.findall(r"^make ([\w-]+)", blocks, re.M) + re.findall(r"`make ([\w-]+)", page.read_text())
        assert set(named) <= targets, page.name


def test_no_path_of_one_machine() -> None:
    tops = "|".join(("home", "root", "Users", ROOT.parts[1]))
    assert not _tracked(rf"(^|[^A-Za-z0-9_.])/({tops})/[A-Za-z.]")


def test_no_package_index_address() -> None:
    assert not _tracked("(extra-index|index|find)-(url|links)|registry[=]|/simpl[e]/")

"""`make` with programs that only note what they are asked: `install` in a shared environment, and names of files."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIP = "import pathlib, sys; pathlib.Path(sys.prefix, 'asked').write_text(' '.join(sys.argv[1:]))"
VARIABLES = re.findall(r"^(\w+) +\?=", (ROOT / "Makefile").read_text(), re.M)


def environment_of_a_shell() -> dict[str, str]:
    """The environment without what `make test VENV=folder` adds to it."""
    added = ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", *VARIABLES)
    return {name: value for name, value in os.environ.items() if name not in added}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An empty virtual environment."""
    path = tmp_path / "shared"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    (site(path) / "pip.py").write_text(PIP)
    return path


def site(environment: Path) -> Path:
    """Its site-packages."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))


def held_by(environment: Path, clone: Path) -> None:
    """Let the environment hold the package of a clone, as an editable installation does."""
    (clone / "actret_core").mkdir(parents=True, exist_ok=True)
    (clone / "actret_core" / "__init__.py").touch()
    (site(environment) / "actret.pth").write_text(f"{clone}\n")


def install(environment: Path, *words: str) -> subprocess.CompletedProcess:
    """`make install` of this clone."""
    own = environment_of_a_shell()
    command = ["make", "install", f"VENV={environment}", *words]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True)


def test_another_clone_s_package_is_not_replaced_unasked(environment: Path, tmp_path: Path) -> None:
    other = tmp_path / "a clone"
    held_by(environment, other)
    (environment / ".installed").touch()  # newer than all that it depends on
    done = install(environment)
    assert done.returncode == 2 and not (environment / "asked").exists()
    assert f"{environment} holds the actret of {other}, which this clone would replace" in done.stderr
    assert "VENV=" in done.stderr and "REPLACE=1" in done.stderr and "Traceback" not in done.stderr


def test_it_is_replaced_when_asked(environment: Path, tmp_path: Path) -> None:
    held_by(environment, tmp_path / "clone")
    assert install(environment, "REPLACE=1").returncode == 0
    assert (environment / "asked").read_text().startswith("install ")


@pytest.mark.parametrize("own", [True, False])
def test_nobody_is_asked_about_an_empty_environment_or_one_s_own(own: bool, environment: Path) -> None:
    if own:
        (site(environment) / "actret.pth").write_text(f"{ROOT}\n")
    assert install(environment).returncode == 0
    assert (environment / "asked").exists()
    (environment / "asked").unlink()
    assert install(environment).returncode == 0 and not (environment / "asked").exists(), "it is installed already"


STUB = """#!/bin/sh
case "$*" in
    "-m actret_core "*) shift 2; printf '%s\\n' "$@" > asked ;;
    "-m pytest"* | *find_spec*) ;;
    *) exec "{python}" "$@" ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with a blank in its name that holds the Makefile and an environment that only notes what it is asked."""
    path = tmp_path / "a clone"
    binaries = path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (path / name).write_bytes((ROOT / name).read_bytes())
    (binaries / "python").write_text(STUB.format(python=sys.executable))
    (binaries / "jupyter-book").write_text("#!/bin/sh\n")
    for program in binaries.iterdir():
        program.chmod(0o755)
    for name in ("book", "notebooks", "figures", "results", "actret_core"):
        (path / name).mkdir()
    for name in ("_config.yml", "_toc.yml", ".venv/.installed"):
        (path / name).touch()
    return path


def make(clone: Path, target: str, *words: str) -> subprocess.CompletedProcess:
    """`make` in a clone, with a `realpath` that fails, as where there is none."""
    (clone / "realpath").write_text("#!/bin/sh\nexit 127\n")
    (clone / "realpath").chmod(0o755)
    own = environment_of_a_shell()
    own["PATH"] = f"{clone}:{own['PATH']}"
    command = ["make", target, *words]
    return subprocess.run(command, cwd=clone, env=own, capture_output=True, text=True, check=False)


def test_files_may_have_blanks_in_their_names(clone: Path) -> None:
    (clone / "my photographs").mkdir()
    for name in ("a b.json", "my weights.safetensors"):
        (clone / name).touch()
    words = "DATA=my photographs", "WEIGHTS=my weights.safetensors", "PROPOSALS=a b.json"
    done = make(clone, "rivals", *words)
    assert done.returncode == 0, done.stderr
    asked = (clone / "asked").read_text().splitlines()
    for word, name in zip(("--data", "--weights", "--proposals"), words, strict=True):
        assert asked[asked.index(word) + 1] == str(clone / name.split("=")[1])


def test_weights_that_are_not_named_are_torchvision_s(clone: Path) -> None:
    (clone / "proposals.json").touch()
    assert make(clone, "rivals", "DATA=.").returncode == 0
    asked = (clone / "asked").read_text().splitlines()
    assert "ResNet50_Weights.IMAGENET1K_V2" in asked and "--proposals" not in asked


def test_where_paths_cannot_be_found_nothing_starts(clone: Path) -> None:
    (clone / "proposals.json").touch()
    (clone / "w.safetensors").touch()
    stub = clone / ".venv" / "bin" / "python"
    stub.write_text(stub.read_text().replace("    *) exec", "    *realpath*) exit 1 ;;\n    *) exec"))
    done = make(clone, "rivals", "DATA=.", "WEIGHTS=w.safetensors")
    assert done.returncode and not (clone / "asked").exists() and "holds the actret of" not in done.stderr


def test_the_address_of_the_book_opens_in_a_browser(clone: Path) -> None:
    done = make(clone, "book")
    assert done.returncode == 0, done.stderr
    assert f"  {(clone / '_build' / 'html' / 'index.html').as_uri()}\n" in done.stdout and "%20" in done.stdout

"""`make install` in an environment that several clones share, with a pip that only notes what it was asked."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIP = "import pathlib, sys; pathlib.Path(sys.prefix, 'asked').write_text(' '.join(sys.argv[1:]))"


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
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "REPLACE")}
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

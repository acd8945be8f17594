"""Find and load the public programs. They are optional: `pip install -c constraints.txt -e ".[bench]"`."""

import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from unittest.mock import patch


def version(package: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def load_torchreid(module: str) -> ModuleType:
    """One file of torchreid, such as "utils/rerank".

    The package as a whole imports OpenCV and a download tool, which it does not declare as dependencies. The two
    files that we need only use NumPy, so the package is hidden from them while they load.
    """
    root = Path(importlib.util.find_spec("torchreid").origin).parent
    spec = importlib.util.spec_from_file_location(f"torchreid_{Path(module).name}", root / "reid" / f"{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {"torchreid": None}):
        spec.loader.exec_module(loaded)
    return loaded

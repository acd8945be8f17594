"""Where the public programs are. They are optional: `pip install -c constraints.txt -e ".[bench]"`."""

import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from unittest.mock import patch


def version(package: str) -> str | None:
    """The version of an installed distribution, else None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def load_torchreid(module: str) -> ModuleType:
    """One file of torchreid, such as "utils/rerank".

    The package as a whole would import OpenCV and a download tool, which it does not name as dependencies; the two
    files that we need want NumPy alone. While they load, the package is hidden from them.
    """
    root = Path(importlib.util.find_spec("torchreid").origin).parent
    spec = importlib.util.spec_from_file_location(f"torchreid_{Path(module).name}", root / "reid" / f"{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {"torchreid": None}):
        spec.loader.exec_module(loaded)
    return loaded

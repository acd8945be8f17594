"""Shared fixtures: the drawn playground, and real data and weights if environment variables name them."""

import os

# Before FAISS, BLAS and torch are loaded, here and in the kernels of notebooks: the models of the tests are so small
# that a second thread only waits, and under xdist each worker has one core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import matplotlib  # noqa: E402
import pytest  # noqa: E402
from filelock import FileLock  # noqa: E402

matplotlib.use("Agg")

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
# The slowest files first, so that workers end together. The second does not need the playground: while it runs, the
# first draws it, and the notebooks after them find it.
LONGEST = (
    "07_recognition.ipynb", "05b_reranking_and_search.ipynb", "06_baselines.ipynb", "04_gpu_training.ipynb",
    "10_text_to_action.ipynb", "03_region_aware_model.ipynb", "02_proposal_ranking.ipynb", "test_distributed.py",
    "test_bench_suites.py", "test_by_heart.py", "test_sweep.py", "01_data_inspection.ipynb",
    "05_retrieval_evaluation.ipynb", "11_beyond.ipynb", "test_bench_main.py", "test_perform.py",
    "test_bench_process.py", "test_weights.py", "test_benchmark_page.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under xdist, put the slowest files first; otherwise keep the order."""
    if WORKER:
        places = {name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def _named_by(variable: str, what: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names {what}")
    path = Path(value)
    assert path.exists(), f"{variable}={value}: nothing is there"
    return path


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each worker a cache folder of its own, so that the user's cache stays untouched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTRET_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds `stanford40/` and `VOC2012_action_annotations/` in their official layouts."""
    return _named_by("ACTRET_DATA", "the folder of the real data sets")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A safetensors file of ImageNet weights for ResNet-50."""
    return _named_by("ACTRET_WEIGHTS", "a safetensors file of ResNet-50")


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playground of 72 images, in Stanford-40's layout, with its proposals file beside; the workers share one."""
    from actret_core.data.playground import write_playground

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if WORKER else base
    with FileLock(shared / "playground.lock"):
        return write_playground(shared / "playground", seed=0, images=72, progress=False)

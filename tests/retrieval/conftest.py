"""Point sets on which ties and neighborhoods behave differently."""

import numpy as np
import pytest


def random_points(n: int = 50) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 6)).astype(np.float32)


def clustered_points(n: int = 50) -> np.ndarray:
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((5, 8))[rng.integers(0, 5, n)]
    return (centers + 0.3 * rng.standard_normal((n, 8))).astype(np.float32)


def duplicate_points() -> np.ndarray:
    """Each of 12 points stands 1 to 9 times, in mixed order: more copies than a short neighbor list holds."""
    rng = np.random.default_rng(2)
    return rng.permutation(np.repeat(random_points(12), rng.integers(1, 10, 12), axis=0))


def tied_points() -> np.ndarray:
    """Corners of a cube in 4-d: many equal distances, all exact in float32 (the length is 2)."""
    return np.random.default_rng(3).choice([-1.0, 1.0], size=(40, 4)).astype(np.float32)


CASES = {
    "random": random_points(),
    "clustered": clustered_points(),
    "duplicates": duplicate_points(),
    "tied": tied_points(),
    "all equal": np.ones((7, 4), np.float32),
    "one": np.ones((1, 3), np.float32),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def points(request: pytest.FixtureRequest) -> np.ndarray:
    """Features [N, D] of each kind."""
    return request.param.copy()


@pytest.fixture
def clustered() -> np.ndarray:
    """Features [50, 8] in five clusters, without ties."""
    return clustered_points()

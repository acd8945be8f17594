import threading

import pytest

from actret_core.retrieval.threads import chunks, map_chunks, rows_per_chunk, workers


@pytest.mark.parametrize("count, size", [(0, 3), (1, 3), (3, 3), (10, 3), (10, 1), (2, 99)])
def test_chunks_cover_everything_once(count, size):
    pieces = chunks(count, size)
    assert [i for piece in pieces for i in range(count)[piece]] == list(range(count))
    assert all(piece.stop - piece.start <= size for piece in pieces)


def test_results_come_in_order_and_errors_come_out():
    assert map_chunks(lambda rows: (rows.start, rows.stop), 5, 2) == [(0, 2), (2, 4), (4, 5)]
    with pytest.raises(ZeroDivisionError):
        map_chunks(lambda rows: 1 / rows.start, 5, 2)


def test_rows_stay_within_the_limit_and_are_at_least_one(monkeypatch):
    monkeypatch.setattr("actret_core.retrieval.threads.CHUNK_ELEMENTS", 100)
    assert [rows_per_chunk(n) for n in (1, 30, 100, 101, 10**9)] == [100, 3, 1, 1, 1]
    assert (rows_per_chunk(10, limit=50), rows_per_chunk(10, limit=1)) == (5, 1)


def test_no_more_threads_than_workers(monkeypatch):
    monkeypatch.setattr("actret_core.retrieval.threads.workers", lambda: 2)
    names = set(map_chunks(lambda rows: threading.current_thread().name, 50, 1))
    assert 1 <= len(names) <= 2 and workers() >= 1

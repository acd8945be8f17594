from pathlib import Path

import pytest

from benchmarks.__main__ import main

RECORDED = Path(__file__).parents[2] / "results" / "stanford40" / "embeddings" / "region_net-cpu-seed0.npz"


@pytest.mark.slow
def test_a_suite_runs_and_prints_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["search", "--quick", "--embeddings", str(RECORDED), "--out", "bench"])
    printed = capfd.readouterr().out
    assert "| 1,000 | 256 |  | flat |" in printed and "recall@10" in printed
    assert [path.name for path in (tmp_path / "bench").iterdir()] == ["search-quick.json"]
    assert (tmp_path / "_build" / "bench").is_dir()


def test_an_error_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="benchmarks: .*region_net-cpu-seed0.npz: no such file"):
        main(["search", "--quick"])

import json
from pathlib import Path

import pytest

from actret_core.cli import text as text_commands
from actret_core.cli import main as cli
from actret_core.errors import TextError
from actret_core.experiments.record import read_record
from actret_core.text import epic_kitchens as epic
from actret_core.text.compositions.presets import TEXT_PRESETS

LOAD = "actret_core.text.compositions.folds.load_studies"
VERBS = "id,key,instances,category\n0,take,\"['take', 'pick-up']\",retrieve\n"
NOUNS = "id,key,instances,category\n0,knife,['knife'],cutlery\n"
TRAIN = "narration_id,narration,verb_class,noun_classes,verb,nouns\nP01_0,pick up knife,0,[0],pick-up,['knife']\n"
CLIPS = "narration_id,narration,verb,verb_class,all_nouns,all_noun_classes\nP02_0,hold knife,take,0,['knife'],[0]\n"


def test_study_asks_for_every_study_and_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, loaded = [], []
    monkeypatch.setattr("actret_core.text.compositions.record.record_study", lambda *given: asked.append(given))
    monkeypatch.setattr(LOAD, lambda *given: loaded.append(given) or ["objects", "places"])
    options = ["--dataset", "stanford40", "--tokens", "t.npz", "--seeds", "0", "3", "--results", str(tmp_path)]
    cli.main(["text", "study", *options])
    cli.main(["text", "study", "--data", "drawn", "--weights", "w.safetensors"])
    presets = TEXT_PRESETS
    assert loaded[0] == ("stanford40", None, text_commands.BACKBONE, Path("t.npz"))
    assert loaded[1] == ("playground", Path("drawn"), Path("w.safetensors"), text_commands.TOKENS)
    assert asked[:4] == [(s, presets["stanford40"], seed, tmp_path) for s in ("objects", "places") for seed in (0, 3)]
    assert asked[4:] == [(s, presets["playground"], 0, Path("results")) for s in ("objects", "places")]


def test_a_seed_below_zero_is_told_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOAD, lambda *_: pytest.fail("read"))
    with pytest.raises(SystemExit, match=r"seeds=\[0, -1\]"):
        cli.main(["text", "study", "--seeds", "0", "-1"])


@pytest.fixture
def narrations(tmp_path: Path) -> Path:
    names = (epic.VERBS, epic.NOUNS, epic.TRAIN_SENTENCES, epic.TEST_CLIPS)
    for name, text in zip(names, (VERBS, NOUNS, TRAIN, CLIPS), strict=True):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_agreement_is_recorded(narrations: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["text", "agreement", "--data", str(narrations), "--results", str(narrations)])
    record = read_record(narrations / "epic_kitchens" / "parsing-full-seed0.json")
    assert record.metrics["train"]["verb"] == 100 and record.metrics["train"]["narrations"] == 1
    assert record.metrics["test"]["base_verb"] == 0 and record.metrics["test"]["nouns"] == 100
    assert record.config == {"parser": "rule"} and len(record.dataset_fingerprint["sha256"]) == 64
    assert "parsing-full-seed0.json" in capsys.readouterr().out
    json.dumps(dict(record.metrics))


def test_errors_end_in_one_line(narrations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="actret: .*EPIC_100_verb_classes.csv: cannot be read"):
        cli.main(["text", "agreement", "--data", str(narrations / "nowhere")])

    def missing(model: str) -> None:
        raise TextError("spaCy is not installed")

    monkeypatch.setattr("actret_core.text.agreement.load_tagger", missing)
    with pytest.raises(SystemExit, match="spaCy is not installed"):
        cli.main(["text", "agreement", "--data", str(narrations), "--spacy", "en_core_web_sm"])

from pathlib import Path

import pytest

from actret_core.errors import DataError, TextError
from actret_core.text import epic_kitchens as epic
from actret_core.text.agreement import agreement
from actret_core.text.parsing import parse
from actret_core.text.phrase import Phrase

VERBS = """id,key,instances,category
0,take,"['take', 'pick-up', 'take-from']",retrieve
1,put,"['put-down', 'place']",leave
"""
NOUNS = """id,key,instances,category
0,tap,"['tap', 'tap:water', 'water:tap']",appliances
1,board:chopping,"['board:chopping', 'board']",cookware
2,knife,['knife'],cutlery
"""
TRAIN = """narration_id,narration,verb_class,noun_classes,verb,nouns
P01_0,pick up knife,0,[2],pick-up,['knife']
P01_1,put down knife and chopping board,1,"[2, 1]",put-down,"['knife', 'board:chopping']"
"""
CLIPS = """narration_id,participant_id,start_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes
P02_0,P02,1,take knife,take,0,knife,2,['knife'],[2]
P02_1,P02,9,take knife,take,0,knife,2,['knife'],[2]
P02_2,P02,20,hold tap,hold,0,tap,0,['tap'],[0]
"""
SENTENCES = "narration_id,narration\nP02_2,hold tap\nP02_0,take knife\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {epic.VERBS: VERBS, epic.NOUNS: NOUNS, epic.TRAIN_SENTENCES: TRAIN, epic.TEST_CLIPS: CLIPS,
             epic.TEST_SENTENCES: SENTENCES}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_both_layouts(folder: Path) -> None:
    verbs, nouns = epic.read_classes(folder / epic.VERBS), epic.read_classes(folder / epic.NOUNS)
    train = epic.read_narrations(folder / epic.TRAIN_SENTENCES, verbs, nouns)
    assert train[1] == epic.Narration(
        "P01_1", "put down knife and chopping board", Phrase("put-down", ("knife", "board:chopping")), 1, (2, 1)
    )
    clips = epic.read_narrations(folder / epic.TEST_CLIPS, verbs, nouns)
    assert [c.id for c in clips] == ["P02_0", "P02_1", "P02_2"] and clips[2].noun_classes == (0,)
    sentences = epic.read_sentences(folder / epic.TEST_SENTENCES, clips)
    assert [s.text for s in sentences] == ["hold tap", "take knife"]


def test_the_class_of_a_word(folder: Path) -> None:
    verbs, nouns = epic.read_classes(folder / epic.VERBS), epic.read_classes(folder / epic.NOUNS)
    assert verbs.names == ("take", "put") and nouns.names[1] == "board:chopping"
    assert verbs.of("pick-up") == 0 and verbs.of("take-off") == 0, "by its base"
    assert nouns.of("chopping:board") == 1, "by its words in another order"
    assert nouns.of("board:small") == 1 and nouns.of("spoon") is None
    with pytest.raises(TextError, match="'knive' is in none of the 3 classes; nearest: knife"):
        nouns.require("knive")
    with pytest.raises(TextError, match="none is near"):
        verbs.require("zzz")


def test_unknown_class(folder: Path) -> None:
    verbs, nouns = epic.read_classes(folder / epic.VERBS), epic.read_classes(folder / epic.NOUNS)
    path = folder / epic.TRAIN_SENTENCES
    path.write_text(TRAIN.replace("knife,0,[2]", "knife,97,[2]"))
    with pytest.raises(TextError, match="P01_0 has the verb class 97, but there are 2, from 0"):
        epic.read_narrations(path, verbs, nouns)
    path.write_text(TRAIN.replace("[2, 1]", "[2, 3]"))
    with pytest.raises(TextError, match="P01_1 has the noun class 3, but there are 3"):
        epic.read_narrations(path, verbs, nouns)
    assert len(epic.read_narrations(path)) == 2, "without the classes nothing is compared"


@pytest.mark.parametrize(
    "change, message",
    [
        (("noun_classes,verb,", "noun_class,verbs,"), "lacks the column 'verb' of the official file"),
        (("['knife']", "knife"), "column 'nouns' holds 'knife', expected a list"),
        (("['knife']", "__import__('os').name"), "expected a list such as"),
        (("knife,0,", "knife,take,"), "row 'P01_0' is malformed"),
    ],
)
def test_malformed(folder: Path, change: tuple[str, str], message: str) -> None:
    path = folder / epic.TRAIN_SENTENCES
    path.write_text(TRAIN.replace(*change))
    with pytest.raises(DataError, match=message):
        epic.read_narrations(path)


def test_absent_and_foreign_files(folder: Path) -> None:
    with pytest.raises(DataError, match="none.csv: cannot be read .*name the folder of the official CSV files"):
        epic.read_narrations(folder / "none.csv")
    (folder / epic.VERBS).write_text(VERBS.replace("1,put", "2,put"))
    with pytest.raises(DataError, match="class 1 is missing"):
        epic.read_classes(folder / epic.VERBS)
    with pytest.raises(DataError, match="'P02_2' is none of the 2 clips"):
        epic.read_sentences(folder / epic.TEST_SENTENCES, epic.read_narrations(folder / epic.TRAIN_SENTENCES))


def test_agreement_by_hand(folder: Path) -> None:
    verbs, nouns = epic.read_classes(folder / epic.VERBS), epic.read_classes(folder / epic.NOUNS)
    train, clips = (epic.read_narrations(folder / name) for name in (epic.TRAIN_SENTENCES, epic.TEST_CLIPS))
    narrations = train + clips[2:]
    answers = {
        "pick up knife": Phrase("pick", ("knife",)), "put down knife and chopping board": Phrase("put", ("board",))
    }

    def parser(text: str) -> Phrase:
        if text not in answers:
            raise TextError("no")
        return answers[text]

    found = agreement(narrations, verbs, nouns, parser)
    # the third of three cannot be parsed; "pick" is in no class; "board" is one of two nouns
    assert found == {
        "parsed": 66.67, "verb": 0.0, "base_verb": 66.67, "verb_class": 33.33, "nouns": 33.33, "noun_heads": 33.33,
        "noun_classes": 33.33, "noun_class_iou": 50.0,
    }
    with pytest.raises(TextError, match="no narrations"):
        agreement([], verbs, nouns, parser)


@pytest.mark.parametrize(
    "name, count, verb, noun", [(epic.TRAIN_SENTENCES, 15989, 99, 93), (epic.TEST_CLIPS, 9668, 98, 96)]
)
def test_real_narrations(real_data: Path, name: str, count: int, verb: int, noun: int) -> None:
    root = real_data / "epic_kitchens_100_text"
    verbs, nouns = epic.read_classes(root / epic.VERBS), epic.read_classes(root / epic.NOUNS)
    narrations = epic.read_narrations(root / name, verbs, nouns)
    found = agreement(narrations, verbs, nouns, parse)
    assert (len(narrations), len(verbs.names), len(nouns.names)) == (count, 97, 300)
    assert found["base_verb"] > verb and found["noun_heads"] > noun and found["parsed"] > 99.8
    if name == epic.TEST_CLIPS:
        assert len(epic.read_sentences(root / epic.TEST_SENTENCES, narrations)) == 3842

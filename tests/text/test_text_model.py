from pathlib import Path

import numpy as np
import pytest
import torch

from actret_core.errors import ConfigError, DataError, TextError
from actret_core.text import query
from actret_core.text.config import JposeConfig, MmenConfig
from actret_core.text.heads import EmbeddingHead, WordAverage
from actret_core.text.model import Jpose, Mmen, TextModel
from actret_core.text.pairs import CaptionPairs, class_labels
from actret_core.text.phrase import Phrase
from actret_core.text.query import embed_texts, embed_visuals, search
from actret_core.text.vocabulary import UNKNOWN, Vocabulary, vocabulary_of, word_table
from actret_core.training.config import TrainConfig
from actret_core.training.fit import fit

PHRASES = [Phrase("ride", ("horse",)), Phrase("fix", ("bike",)), Phrase("feed", ("horse",)), Phrase("cut", ("tree",))]
VOCABULARY = vocabulary_of(PHRASES)
ROWS = VOCABULARY.size


def _model(kind: str = "learned", seed: int = 0, **change: object) -> TextModel:
    torch.manual_seed(seed)
    shared = {"visual_dim": 6, "words": ROWS, "word_dim": 12, "dim": 16} | change
    table = word_table(VOCABULARY, 12)
    if kind in ("learned", "concat"):
        return Jpose(JposeConfig(join=kind, **shared), table)
    return Mmen(MmenConfig(text=kind, **shared), table)


KINDS = ("learned", "concat", "caption", "parts")


def _pairs(each: int = 6, seed: int = 0) -> CaptionPairs:
    """Visuals that tell verb and noun apart: a direction for each, and noise."""
    rng = np.random.default_rng(seed)
    axes = {word: rng.normal(size=6) for word in VOCABULARY.words}
    phrases = [p for p in PHRASES for _ in range(each)]
    visual = np.stack([axes[p.verb] + axes[p.nouns[0]] + 0.1 * rng.normal(size=6) for p in phrases])
    return CaptionPairs(visual, phrases, VOCABULARY)


def test_head_equals_the_formula() -> None:
    torch.manual_seed(0)
    head, x = EmbeddingHead(5, 8), torch.randn(3, 5)
    y = head.linear(x / x.norm(dim=1, keepdim=True))
    expected = y * torch.sigmoid(y @ head.gate.weight.T + head.gate.bias)
    torch.testing.assert_close(head(x), expected / expected.norm(dim=1, keepdim=True))
    torch.testing.assert_close(head(10 * x), head(x), msg="only directions count")


def test_word_average() -> None:
    average = WordAverage(np.arange(8, dtype=np.float32).reshape(4, 2), learn=True)
    found = average(torch.tensor([[1, 3], [2, 0], [0, 0]]))
    torch.testing.assert_close(found, torch.tensor([[4.0, 5], [4, 5], [0, 0]]))
    assert average.table.weight.requires_grad
    assert not WordAverage(np.ones((4, 2), np.float32), learn=False).table.weight.requires_grad


@pytest.mark.parametrize("kind", KINDS)
def test_spaces(kind: str) -> None:
    batch = torch.utils.data.default_collate([_pairs()[i] for i in range(24)])
    spaces = _model(kind)(**{name: batch[name] for name in TextModel.inputs})
    assert list(spaces) == (["verb", "noun", "action"] if kind in ("learned", "concat") else ["action"])
    for space, (text, visual) in spaces.items():
        assert text.shape == visual.shape == (24, 32 if (kind, space) == ("concat", "action") else 16)
        for side in (text, visual):
            torch.testing.assert_close(side.norm(dim=1), torch.ones(24))


def test_the_verb_space_ignores_nouns_and_the_other_way_round() -> None:
    for kind in ("learned", "concat"):
        model = _model(kind)
        ride_horse, fix_bike, feed_horse, _ = (embed_texts(model, VOCABULARY, [p], "verb")[0] for p in PHRASES)
        ride_bike = embed_texts(model, VOCABULARY, [Phrase("ride", ("bike",))], "verb")[0]
        np.testing.assert_array_equal(ride_bike, ride_horse)
        assert abs(ride_horse @ feed_horse) < 0.99
        nouns = embed_texts(model, VOCABULARY, PHRASES, "noun")
        np.testing.assert_array_equal(nouns[0], nouns[2])


def test_a_missing_part_is_zero_in_the_joined_text() -> None:
    model = _model("concat")
    both, verb = embed_texts(model, VOCABULARY, [Phrase("ride", ("horse",)), Phrase("ride")])
    assert not verb[16:].any() and np.linalg.norm(verb) == pytest.approx(1)
    np.testing.assert_allclose(verb[:16] / np.sqrt(2), both[:16], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_reads_the_labels_it_should(kind: str) -> None:
    pairs = _pairs()
    batch = torch.utils.data.default_collate([pairs[i] for i in range(24)])
    model = _model(kind, triplets=200)
    spaces = model(**{name: batch[name] for name in TextModel.inputs})

    def loss(target: torch.Tensor) -> float:
        return torch.stack([model.loss(spaces, target) for _ in range(5)]).mean().item()

    shuffled = batch["target"].clone()
    shuffled[:, :2] = shuffled[torch.randperm(24), :2]
    other = abs(loss(shuffled) / loss(batch["target"]) - 1)
    assert other < 0.03 if kind in ("caption", "parts") else other > 0.03, "MMEN knows of no verbs and nouns"


def test_loss_is_the_sum_over_spaces() -> None:
    batch = torch.utils.data.default_collate([_pairs()[i] for i in range(24)])
    model = _model("learned", triplets=300, parts=0.5, action=2.0)
    spaces, target = model(**{name: batch[name] for name in TextModel.inputs}), batch["target"]
    parts = [model.triplets(*spaces[space], target[:, i]).item() for i, space in enumerate(("verb", "noun", "action"))]
    assert model.loss(spaces, target).item() == pytest.approx(0.5 * parts[0] + 0.5 * parts[1] + 2 * parts[2], rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_teaches_it(tmp_path: Path, kind: str) -> None:  # each training costs a second or two
    pairs, model = _pairs(), _model(kind)
    config = TrainConfig(epochs=12, batch_size=24, lr=3e-2, weight_decay=0, optimizer="adam", mixup=0.0, held_out=0.0,
                         precision="32-true", workers=0)
    unknown = model.words.table.weight[-UNKNOWN:].clone()
    result = fit(model, pairs, None, config, tmp_path, progress=False)
    assert result.losses[-1] < 0.2 * result.losses[0]
    similarity = embed_texts(model, VOCABULARY, PHRASES) @ embed_visuals(model, pairs.visual.numpy()).T
    assert (similarity.argmax(0) == np.repeat(np.arange(4), 6)).all()
    torch.testing.assert_close(model.words.table.weight[-UNKNOWN:], unknown, msg="nobody taught the unknown words")


def test_pretrained_words_stay(tmp_path: Path) -> None:
    model = _model("learned", learn_words=False)
    before = model.words.table.weight.clone()
    config = TrainConfig(epochs=1, batch_size=24, mixup=0.0, held_out=0.0, precision="32-true", workers=0)
    fit(model, _pairs(), None, config, tmp_path, progress=False)
    torch.testing.assert_close(model.words.table.weight, before)


def test_labels() -> None:
    found = class_labels([*PHRASES, Phrase("jump"), Phrase("ride", ("horse",)), Phrase("ride", ("bike", "horse"))])
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4, 0, 0]
    assert found[:, 1].tolist() == [0, 1, 0, 2, -1, 0, 1], "the first noun is the main one"
    assert found[:, 2].tolist() == [0, 1, 2, 3, 4, 0, 5]
    assert class_labels([Phrase("a", ("x", "y")), Phrase("a", ("y", "x"))])[:, 2].tolist() == [0, 0], "a set of nouns"
    assert class_labels([Phrase("", ("x",)), Phrase("a"), Phrase("")])[:, 0].tolist() == [-1, 1, -1], "no verb"


def test_pairs_of_several_captions_a_visual() -> None:
    pairs = CaptionPairs(np.eye(2), PHRASES[:3], VOCABULARY, rows=np.array([1, 0, 1]))
    assert len(pairs) == 3 and pairs[2]["visual"].tolist() == [0, 1] and pairs[0]["verb_words"].tolist() == [6]
    assert pairs[1]["target"].tolist() == [1, 1, 1]


def test_pairs_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="4 captions for 3 visuals: name features and captions of one split"):
        CaptionPairs(np.eye(3), PHRASES, VOCABULARY)
    with pytest.raises(DataError, match="captions: all say the same"):
        CaptionPairs(np.eye(3), PHRASES[:1] * 3, VOCABULARY)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"margin": 0}, "margin=0: expected a positive number"), ({"dim": 0}, "dim=0: expected at least 1"),
        ({"tv": 0, "vt": 0}, "text and visual must meet in a loss"), ({"vv": -1}, "vv=-1: expected at least 0"),
        ({"join": "sum"}, "join='sum': expected one of learned, concat"),
        ({"action": 0}, "whose last space only that loss trains"),
        ({"join": "concat", "action": 0, "parts": 0}, "nothing would be learned"),
    ],
)
def test_wrong_jpose_config(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        JposeConfig(**{"visual_dim": 6, "words": ROWS} | change)


def test_wrong_mmen_config_and_table() -> None:
    with pytest.raises(ConfigError, match="text='words': expected one of caption, parts"):
        MmenConfig(visual_dim=6, words=ROWS, text="words")
    with pytest.raises(ConfigError, match=rf"expected \[{ROWS}, 64\], the shape of the table"):
        Mmen(MmenConfig(visual_dim=6, words=9, word_dim=9), word_table(VOCABULARY, 64))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextModel, np.ndarray]:
    pairs, model = _pairs(), _model("concat")
    config = TrainConfig(epochs=12, batch_size=24, lr=3e-2, weight_decay=0, optimizer="adam", mixup=0.0, held_out=0.0,
                         precision="32-true", workers=0)
    fit(model, pairs, None, config, tmp_path_factory.mktemp("run"), progress=False)
    return model, pairs.visual.numpy()


def test_search(trained: tuple[TextModel, np.ndarray]) -> None:
    answer = search(trained[0], VOCABULARY, "somebody is feeding a horse", trained[1])
    assert sorted(answer.order[:6].tolist()) == list(range(12, 18)) and answer.notes == ()
    assert answer.phrase == Phrase("feed", ("horse",)) and (np.diff(answer.similarity) <= 0).all()


def test_search_says_what_it_did_not_understand(trained: tuple[TextModel, np.ndarray]) -> None:
    texts = ("fix a byke", "horse", "juggle horses", "ride a comet")
    found = {text: search(trained[0], VOCABULARY, text, trained[1]) for text in texts}
    assert found["fix a byke"].phrase == Phrase("fix", ())
    assert found["fix a byke"].notes == ("'byke' was never seen: left out", "no noun to go by: the verb alone decides")
    assert found["horse"].notes == ("no verb to go by: the nouns alone decide",)
    assert found["juggle horses"].notes[0] == "'juggle' was never seen: left out"
    riding_or_feeding = {*range(6), *range(12, 18)}
    for text in ("juggle horses", "horse"):
        assert set(found[text].order[:12].tolist()) == riding_or_feeding
    assert set(found["ride a comet"].order[:6].tolist()) == set(range(6)), "the best answer that can be given"


def test_search_reads_what_is_nearly_spelled_right(trained: tuple[TextModel, np.ndarray]) -> None:
    answer = search(trained[0], VOCABULARY, "feeding a horrse", trained[1])
    assert answer.notes == ("'horrse' was never seen: read as 'horse'",) and answer.phrase == Phrase("feed", ("horse",))


def test_search_for_nothing_known(trained: tuple[TextModel, np.ndarray]) -> None:
    with pytest.raises(TextError, match="none of the words 'juggle comet' was seen in training; try one of: bike, cut"):
        search(trained[0], VOCABULARY, "juggling comets", trained[1])
    with pytest.raises(TextError, match="caption is empty"):
        search(trained[0], VOCABULARY, " ", trained[1])


def test_many_texts_are_embedded_in_pieces(
    trained: tuple[TextModel, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    phrases = [*PHRASES, Phrase("cut", ("tree", "bike", "horse"))]
    whole = embed_texts(trained[0], VOCABULARY, phrases)
    monkeypatch.setattr(query, "AT_ONCE", 2)
    np.testing.assert_allclose(embed_texts(trained[0], VOCABULARY, phrases), whole, atol=1e-6)


def test_vocabulary_of_another_model(trained: tuple[TextModel, np.ndarray]) -> None:
    other = Vocabulary(tuple(f"w{i}" for i in range(300)))
    with pytest.raises(ConfigError, match="vocabulary"):
        embed_texts(trained[0], other, [Phrase("w1")])

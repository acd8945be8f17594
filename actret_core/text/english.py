"""Base forms of English words by spelling alone: "riding" -> "ride", "knives" -> "knife". No model, no word list.

English spelling has many exceptions. Those that occur in everyday actions are listed; the rest follows the rules.
"""

import re

VOWELS = "aeiou"
VERB_STEMS = {  # what is left without "-ing" or "-ed" -> the verb, where the rules go wrong
    "add": "add", "egg": "egg", "ly": "lie", "ty": "tie", "dy": "die", "tast": "taste", "past": "paste",
    "wast": "waste", "bast": "baste", "chang": "change", "arrang": "arrange", "spong": "sponge", "breath": "breathe",
    "creat": "create", "explor": "explore", "restor": "restore", "ignor": "ignore", "stor": "store", "focus": "focus",
}
# longer stems that end so take no e: open, water
NO_E = ("er", "en", "on", "or", "el", "et", "it", "op", "om", "al")
# stems that keep both l, as in "rolling"
KEEP_LL = ("roll", "fill", "pull", "call", "stall", "still")
NOUNS = {  # plural -> singular, where the rules go wrong
    "teeth": "tooth", "feet": "foot", "geese": "goose", "mice": "mouse", "men": "man", "women": "woman",
    "children": "child", "people": "person", "knives": "knife", "leaves": "leaf", "loaves": "loaf", "halves": "half",
    "shelves": "shelf", "shoes": "shoe", "canoes": "canoe", "toes": "toe", "cookies": "cookie", "pies": "pie",
    "smoothies": "smoothie", "brownies": "brownie", "gas": "gas", "canvas": "canvas", "lens": "lens",
    "scissors": "scissors", "tongs": "tongs", "trousers": "trousers", "chillies": "chilli",
}


def verb_lemma(word: str) -> str:
    """The base form of a verb in lower case, without "-ing", "-ed" or "-s"; the word itself if it has none of these."""
    stem = gerund_stem(word)
    if stem is not None:
        return _from_stem(stem)
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed") and not word.endswith("eed") and re.search(f"[{VOWELS}y]", word[:-2]):
        return _from_stem(word[:-2])
    return _without_s(word)


def gerund_stem(word: str) -> str | None:
    """"riding" -> "rid"; None for a word that is no gerund, such as "bring" or "bike"."""
    stem = word.removesuffix("ing")
    return stem if stem != word and re.search(f"[{VOWELS}y]", stem) else None


def noun_lemma(word: str) -> str:
    """The singular of a noun in lower case, or the word itself."""
    if word in NOUNS:
        return NOUNS[word]
    return word if word.endswith(("us", "is")) else _without_s(word)


def _without_s(word: str) -> str:
    """The word without the "-s", "-es" or "-ies" of a plural noun or of the third person."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 2 else word


def _from_stem(stem: str) -> str:
    """The verb of a stem without "-ing" or "-ed": undo a doubled consonant, or add the e that was dropped."""
    if stem in VERB_STEMS:
        return VERB_STEMS[stem]
    vowel_groups = len(re.findall(f"[{VOWELS}]+", stem.replace("qu", "q")))
    doubled = re.search(r"([bdgmnprt])\1$", stem)
    doubled_l = stem.endswith("ll") and vowel_groups > 1 and not stem.endswith(KEEP_LL)
    if doubled or doubled_l:
        return stem[:-1]
    return stem + "e" if _lost_an_e(stem, vowel_groups) else stem


def _lost_an_e(stem: str, vowel_groups: int) -> bool:
    """Whether a verb's last e was dropped before "-ing" or "-ed"."""
    if re.search(r"([vcu]|[^z]z|[^s]s|[dr]g|[bcdfgkptz]l)$", stem):
        return True
    short_end = re.search(rf"(^|[^{VOWELS}])[{VOWELS}y][^{VOWELS}wxy]$", stem.replace("qu", "q"))  # "rid", "mak"
    return bool(short_end) and not (vowel_groups > 1 and stem.endswith(NO_E))

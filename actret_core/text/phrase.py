"""What a caption says: one verb and the nouns it is about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """The parts of speech of one caption, written as EPIC-Kitchens-100 writes them.

    `verb`: a base form, followed by its particle after a hyphen ("put-down"), or "" for a query without a verb. Each of
    `nouns`: its head in the singular, followed by the words before it after colons ("board:chopping"). There may be no
    noun ("jump").
    """

    verb: str
    nouns: tuple[str, ...] = ()

    @property
    def verb_words(self) -> tuple[str, ...]:
        """"put-down" -> ("put", "down")."""
        return tuple(filter(None, self.verb.split("-")))

    @property
    def noun_words(self) -> tuple[str, ...]:
        """("board:chopping", "sink") -> ("board", "chopping", "sink")."""
        return tuple(word for noun in self.nouns for word in noun.split(":"))

    @property
    def words(self) -> tuple[str, ...]:
        """The words of all parts, verb first."""
        return self.verb_words + self.noun_words

    @property
    def base_verb(self) -> str:
        """The verb without its particle."""
        return self.verb.partition("-")[0]

    @property
    def heads(self) -> tuple[str, ...]:
        """The nouns without the words before them."""
        return tuple(noun.partition(":")[0] for noun in self.nouns)

    def __str__(self) -> str:
        return " ".join([self.verb or "(no verb)", *self.nouns])

"""What a shard's words are worth, kept until the shard has changed enough to make it wrong."""

from zhiku.indexes.lexical import having

DRIFT = 0.02
"""How far a word's number of postings may have moved since it was asked for: moves its idf by .02 of about 7."""


class IdfCache:
    """A bounded map from word to idf for one sparse vector of one shard.

    An entry says how many changes of the shard it survives: two in a hundred of the postings that have the
    word. So rare words, whose idf one posting changes, are asked for again after any change, which is cheap,
    and frequent words, which are dear to ask for, outlive a bulk load's batches. Nothing depends on time.
    Not locked: single operations on a dictionary, and an entry lost to a race is asked for again.
    """

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._entries: dict[int, tuple[float, float]] = {}

    def find(self, word: int, changes: int) -> float | None:
        """Return the word's idf, or None if it is unknown or too old for a shard changed `changes` times."""
        entry = self._entries.get(word)
        if entry is None or changes > entry[1]:
            return None
        return entry[0]

    def keep(self, word: int, idf: float, *, postings: int, changes: int) -> None:
        """Remember the idf of a word as it was after `changes` in a shard of `postings`."""
        entries = self._entries
        if len(entries) >= self._limit:
            entries.clear()
        entries[word] = (idf, changes + DRIFT * having(postings, idf))

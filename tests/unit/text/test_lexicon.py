"""A lexicon reads many texts at once as if each were read alone, whatever it has seen before."""

import threading
from collections import Counter

from zhiku.text.lexicon import Lexicon, Meaning, WordCounts

MEANINGS = {
    "the": Meaning((), 0.0),
    "Database": Meaning((7,), 3.0),
    "databases": Meaning((7,), 4.0),
    "read": Meaning((5,), 9.0),
    "well-read": Meaning((9, 5, 2), 6.0),
    "x": Meaning((3,), 0.0),
}


def explain(run: str) -> Meaning:
    return MEANINGS.get(run) or Meaning((1000 + int(run.removeprefix("word")),), 1.0)


def as_pairs(words: WordCounts) -> list[tuple[int, int]]:
    return list(zip(words.hashes.tolist(), words.counts.tolist(), strict=True))


def test_words_are_counted_in_ascending_order() -> None:
    read = Lexicon(explain).read([["the", "well-read", "read", "x", "read"]], 0)
    assert as_pairs(read[0].words) == [(2, 1), (3, 1), (5, 3), (9, 1)]
    assert read[0].telling == []


def test_runs_of_one_word_weigh_together_and_are_written_as_the_first() -> None:
    text = ["read", "databases", "x", "Database", "databases"]
    assert Lexicon(explain).read([text], 10)[0].telling == ["databases", "read"]
    assert Lexicon(explain).read([text], 1)[0].telling == ["databases"]


def test_equal_weights_go_by_position() -> None:
    assert Lexicon(explain).read([["word3", "word1", "word2"]], 2)[0].telling == ["word3", "word1"]


def test_texts_beside_each_other_are_read_as_if_alone() -> None:
    texts = [["read"], [], ["the", "x"], ["Database", "read", "Database"], []]
    together = Lexicon(explain).read(texts, 10)
    alone = [Lexicon(explain).read([text], 10)[0] for text in texts]
    assert [as_pairs(each.words) for each in together] == [as_pairs(each.words) for each in alone]
    assert [each.telling for each in together] == [["read"], [], [], ["read", "Database"], []]
    assert Lexicon(explain).read([], 10) == []


def test_more_runs_than_it_was_made_for_are_learned_by_many_threads_at_once() -> None:
    lexicon = Lexicon(explain)
    text = [f"word{number % 3000}" for number in range(5000)]
    expected = sorted(Counter(1000 + number % 3000 for number in range(5000)).items())
    found: list[list[tuple[int, int]]] = []

    def read() -> None:
        found.append(as_pairs(lexicon.read([text], 0)[0].words))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert len(lexicon) == 3000
    assert lexicon.hashes_of("word2999") == [3999]

"""An idf is forgotten after as many changes as its word can bear."""

from zhiku.indexes.idf_cache import IdfCache
from zhiku.indexes.lexical import idf


def test_an_unchanged_shard_keeps_its_idfs() -> None:
    cache = IdfCache()
    cache.keep(7, 1.5, postings=10, changes=3)
    assert cache.find(7, 3) == 1.5
    assert cache.find(8, 3) is None


def test_a_rare_word_is_forgotten_after_one_change() -> None:
    cache = IdfCache()
    cache.keep(7, idf(1000, 3), postings=1000, changes=0)
    cache.keep(8, idf(1000, 0), postings=1000, changes=0)
    assert cache.find(7, 1) is None
    assert cache.find(8, 1) is None


def test_a_frequent_word_bears_changes_of_two_in_a_hundred_of_its_postings() -> None:
    cache = IdfCache()
    cache.keep(7, idf(10_000, 5_000), postings=10_000, changes=0)
    assert cache.find(7, 99) is not None
    assert cache.find(7, 101) is None


def test_the_cache_never_grows_beyond_its_limit() -> None:
    cache = IdfCache(limit=10)
    for word in range(1, 26):
        cache.keep(word, 1.0, postings=10, changes=0)
    known = [word for word in range(1, 26) if cache.find(word, 0) is not None]
    assert 0 < len(known) <= 10
    assert 25 in known

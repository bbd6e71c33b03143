"""What every blob store promises; a subclass gives the store."""

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zhiku.blobs.base import BlobMissing, BlobStore

HOSTILE_KEYS = [
    "",
    ".",
    "..",
    "../outside",
    "a/../../outside",
    "a/./b",
    "a/..",
    "/absolute",
    "a//b",
    "a/",
    "a\\b",
    "A",
    "with space",
    "a_b",
    "nul\x00",
    "line\n",
    "名",
    "%2e%2e/outside",
    "~",
    "a" * 201,
]


class BlobSuite:
    """Run against each implementation."""

    @pytest.fixture
    @abstractmethod
    def blobs(self, tmp_path: Path) -> BlobStore:
        """Return an empty store."""

    def test_what_was_put_is_got(self, blobs: BlobStore) -> None:
        content = bytes(range(256)) * 1000
        blobs.put("uploads/one.pdf", content)
        assert blobs.get("uploads/one.pdf") == content

    def test_an_empty_blob_is_a_blob(self, blobs: BlobStore) -> None:
        blobs.put("empty", b"")
        assert blobs.get("empty") == b""
        assert list(blobs.list_keys()) == ["empty"]

    def test_a_second_put_replaces_the_first(self, blobs: BlobStore) -> None:
        blobs.put("a", b"first, and longer")
        blobs.put("a", b"second")
        assert blobs.get("a") == b"second"
        assert list(blobs.list_keys()) == ["a"]

    def test_a_file_is_stored(self, blobs: BlobStore, tmp_path: Path) -> None:
        source = tmp_path / "upload"
        source.write_bytes(b"content of a file")
        blobs.put_file("uploads/file", source)
        assert blobs.get("uploads/file") == b"content of a file"

    def test_a_file_replaces_a_blob(self, blobs: BlobStore, tmp_path: Path) -> None:
        source = tmp_path / "upload"
        source.write_bytes(b"new")
        blobs.put("a", b"old")
        blobs.put_file("a", source)
        assert blobs.get("a") == b"new"

    def test_a_file_that_is_not_there_stores_nothing(self, blobs: BlobStore, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            blobs.put_file("a", tmp_path / "nothing")
        assert list(blobs.list_keys()) == []

    def test_a_key_that_was_never_put_is_missing(self, blobs: BlobStore) -> None:
        with pytest.raises(BlobMissing):
            blobs.get("nothing")

    def test_a_deleted_blob_is_missing(self, blobs: BlobStore) -> None:
        blobs.put("a", b"1")
        blobs.put("b", b"2")
        blobs.delete("a")
        with pytest.raises(BlobMissing):
            blobs.get("a")
        assert list(blobs.list_keys()) == ["b"]

    def test_deleting_twice_or_nothing_is_no_error(self, blobs: BlobStore) -> None:
        blobs.put("a", b"1")
        blobs.delete("a")
        blobs.delete("a")
        blobs.delete("never")

    def test_keys_are_listed_by_prefix(self, blobs: BlobStore) -> None:
        keys = ["data/1/a", "data/1/b", "data/10/c", "data.txt", "other"]
        for key in keys:
            blobs.put(key, key.encode())
        assert sorted(blobs.list_keys()) == sorted(keys)
        assert sorted(blobs.list_keys("data/1/")) == ["data/1/a", "data/1/b"]
        assert sorted(blobs.list_keys("data")) == ["data.txt", "data/1/a", "data/1/b", "data/10/c"]
        assert list(blobs.list_keys("nothing")) == []

    def test_a_key_and_a_longer_one_stand_beside_each_other(self, blobs: BlobStore) -> None:
        blobs.put("a", b"1")
        blobs.put("a/b", b"2")
        blobs.put("a-b", b"3")
        assert [blobs.get(key) for key in ("a", "a/b", "a-b")] == [b"1", b"2", b"3"]

    @pytest.mark.parametrize("key", ["a" * 200, "...", ".hidden", "a..b", "-", "0/1/2/3/4/5"])
    def test_any_key_within_the_rules_works(self, blobs: BlobStore, key: str) -> None:
        blobs.put(key, b"content")
        assert blobs.get(key) == b"content"
        assert list(blobs.list_keys()) == [key]

    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    def test_a_key_beyond_the_rules_touches_nothing(self, blobs: BlobStore, tmp_path: Path, key: str) -> None:
        source = tmp_path / "upload"
        source.write_bytes(b"content")
        before = sorted(path for path in tmp_path.rglob("*"))
        with pytest.raises(ValueError, match="not a blob key"):
            blobs.put(key, b"content")
        with pytest.raises(ValueError, match="not a blob key"):
            blobs.put_file(key, source)
        with pytest.raises(ValueError, match="not a blob key"):
            blobs.get(key)
        with pytest.raises(ValueError, match="not a blob key"):
            blobs.delete(key)
        assert sorted(path for path in tmp_path.rglob("*")) == before

    def test_concurrent_puts_of_one_key_leave_one_of_them_whole(self, blobs: BlobStore) -> None:
        contents = [bytes([number]) * 50_000 for number in range(16)]
        seen: list[bytes] = []

        def put_and_get(content: bytes) -> None:
            blobs.put("contended", content)
            seen.append(blobs.get("contended"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put_and_get, contents))
        assert all(content in contents for content in seen)
        assert blobs.get("contended") in contents
        assert list(blobs.list_keys()) == ["contended"]

    def test_concurrent_puts_of_many_keys_keep_all(self, blobs: BlobStore) -> None:
        keys = [f"many/{number}" for number in range(64)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: blobs.put(key, key.encode()), keys))
        assert {key: blobs.get(key) for key in keys} == {key: key.encode() for key in keys}

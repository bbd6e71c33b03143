"""Whatever was done to a document since, restoring a version gives exactly the segments it had, on both engines."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product, open_product
from zhiku.datasets.store import find_dataset
from zhiku.db.engine import Database
from zhiku.indexes.store import list_live_postings
from zhiku.ingestion.switch import basis_of
from zhiku.segments.indexing import shard_of

Body = dict[str, Any]
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
RULES: dict[str, Body] = {
    "text_model": {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}},
    "qa_model": {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}},
    "hierarchical_model": {
        "mode": "hierarchical",
        "rules": {
            "parent_mode": "paragraph",
            "segmentation": {"separator": "\n", "max_tokens": 100},
            "subchunk_segmentation": {"separator": " ", "max_tokens": 20},
        },
    },
}
RESTORED = ("id", "position", "content", "answer", "keywords", "enabled", "word_count", "tokens", "created_by")
RESTORED_CHILD = ("id", "position", "content", "type", "tokens")


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    with open_product(tmp_path / "data", database) as opened:
        yield opened


class Editor:
    """Somebody who changes one document at random."""

    def __init__(self, product: Product, form: str, technique: str, seed: int) -> None:
        self.api = product.api
        self.product = product
        self.form = form
        self.chance = random.Random(seed)
        self.dataset_id = product.create_dataset()
        made = product.add_text(
            self.dataset_id,
            "guide",
            self.text(),
            doc_form=form,
            process_rule=RULES[form],
            indexing_technique=technique,
        )
        self.path = f"/v1/datasets/{self.dataset_id}/documents/{made['document']['id']}"
        product.settle()

    def text(self) -> str:
        lines = [" ".join(self.chance.choices(WORDS, k=3)) for _ in range(self.chance.randint(2, 7))]
        if self.form != "qa_model":
            return "\n".join(lines)
        return "\n".join(f"Q: {line}\nA: {self.chance.choice(WORDS)}" for line in lines)

    def segments(self) -> list[Body]:
        reply = self.api.get(f"{self.path}/segments", params={"limit": 100})
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def call(self, method: str, path: str, body: Body | None = None) -> None:
        reply = self.api.request(method, self.path + path, json=body)
        assert reply.status_code in (200, 204), reply.text

    def edit(self) -> None:
        """Change, switch, add or delete a segment, or a child chunk."""
        segment = self.chance.choice(self.segments() or [{"id": None, "child_chunks": []}])
        place = f"/segments/{segment['id']}"
        written = {"content": " ".join(self.chance.choices(WORDS, k=2)), "answer": self.chance.choice(WORDS)}
        action = self.chance.randrange(6)
        if action == 0 or segment["id"] is None:
            self.call("POST", "/segments", {"segments": [written | {"keywords": [self.chance.choice(WORDS)]}]})
        elif action == 1:
            self.call("DELETE", place)
        elif action == 2:
            self.call("PATCH", place, {"segment": {"enabled": not segment["enabled"]}})
        elif action == 3:
            self.call("PATCH", place, {"segment": {"keywords": self.chance.sample(WORDS, 2)}})
        elif segment["child_chunks"] and action == 4:
            child = self.chance.choice(segment["child_chunks"])
            self.call("DELETE", f"{place}/child_chunks/{child['id']}")
        elif segment["enabled"]:
            self.call("PATCH", place, {"segment": written})

    def update(self) -> None:
        self.call("POST", "/update-by-text", {"text": self.text()})
        self.product.settle()

    def restore(self, number: int) -> None:
        self.call("POST", f"/versions/{number}/restore")
        self.product.settle()


def shown(segments: list[Body]) -> list[Body]:
    return [
        {name: segment[name] for name in RESTORED}
        | {"children": [{name: child[name] for name in RESTORED_CHILD} for child in segment["child_chunks"]]}
        for segment in segments
    ]


@pytest.mark.parametrize("technique", ["economy", "high_quality"])
@pytest.mark.parametrize("form", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_restoring_gives_exactly_the_old_segments(product: Product, form: str, technique: str, seed: int) -> None:
    editor = Editor(product, form, technique, seed)
    contents: list[list[Body]] = []
    for turn in range(5):
        for _ in range(editor.chance.randrange(5)):
            editor.edit()
        contents.append(editor.segments())
        if turn % 2:
            number = editor.chance.randint(1, turn)
            before = {segment["id"]: segment for segment in contents[-1]}
            editor.restore(number)
            now = editor.segments()
            assert [without_ids(each) for each in shown(now)] == [
                without_ids(each) for each in shown(contents[number - 1])
            ]
            for segment in now:
                same = before.get(segment["id"])
                assert (
                    same is None or same["content"] != segment["content"] or same["hit_count"] == segment["hit_count"]
                )
        else:
            editor.update()
    check_index(product, editor)


def without_ids(segment: Body) -> Body:
    """Leave out ids: a text that has stayed keeps its row, which may have another id than it had then."""
    children = [{name: value for name, value in child.items() if name != "id"} for child in segment["children"]]
    return {name: value for name, value in segment.items() if name != "id"} | {"children": children}


def check_index(product: Product, editor: Editor) -> None:
    """Compare the postings there are with those that the catalog wants, and their counts with the dataset's."""
    with product.rt.db.read() as conn:
        dataset = find_dataset(conn, editor.dataset_id)
        assert dataset is not None
        wanted = list_live_postings(conn, dataset.id, basis_of(dataset), after=0, limit=1000)
    assert sorted(product.index.list_numbers(shard_of(dataset))) == [row.number for row in wanted]
    assert dataset.indexing_technique == "economy" or all(row.vector for row in wanted)
    assert (dataset.posting_count, dataset.term_count) == (len(wanted), sum(row.term_count for row in wanted))

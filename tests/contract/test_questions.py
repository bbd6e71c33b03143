"""Questions and answers of a `qa_model` document, written by a chat model or made of the text (contract 4.6)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.chat_server import Asked, ChatServer
from tests.contract.calls import by_line, got
from tests.fake_clock import FakeClock
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import chat_answers
from zhiku.jobs.worker import run_jobs
from zhiku.providers.chat import OpenAIChat
from zhiku.providers.endpoint import Pace

LINES = [f"line {number} speaks of owls" for number in range(4)]
TEXT = "\n".join(LINES)
QA: dict[str, Any] = {"doc_form": "qa_model", "process_rule": by_line()}


def write(asked: Asked) -> str:
    """Return two pairs about a piece, of which the second is numbered first in no other."""
    return f"Q1: Who is in {asked.text}?\nA1: Owls.\nQ2: What is {asked.text}?\nA2: A line."


def pairs_about(line: str) -> list[tuple[str, str]]:
    return [(f"Who is in {line}?", "Owls."), (f"What is {line}?", "A line.")]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(write=write) as running:
        yield running


@pytest.fixture
def chat(server: ChatServer) -> Iterator[OpenAIChat]:
    made = OpenAIChat(server.url, "writer", None, Pace(sleep=lambda _: None))
    yield made
    made.close()


@pytest.fixture
def product(tmp_path: Path, database: Database, chat: OpenAIChat) -> Iterator[Product]:
    """A Zhiku with a chat model, on each of the two engines in turn."""
    with open_product(tmp_path / "data", database, chat=chat, chat_concurrency=2) as opened:
        yield opened


@pytest.fixture
def plain(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A Zhiku without a chat model."""
    with open_product(tmp_path / "data", sqlite_database) as opened:
        yield opened


def make(product: Product, text: str = TEXT, **fields: Any) -> str:
    """Return the path of a completed Q&A document."""
    dataset_id = product.create_dataset("Guide")
    made = product.add_text(dataset_id, "faq", text, **(QA | fields))
    product.settle()
    return f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}"


def add_file(product: Product, name: str, content: bytes) -> str:
    dataset_id = product.create_dataset("Guide")
    made = product.add_file(dataset_id, name, content, doc_form="qa_model")
    product.settle()
    return f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}"


def shown(product: Product, path: str) -> dict[str, Any]:
    return got(product.api.get(path))


def pairs(product: Product, path: str) -> list[tuple[str, str]]:
    rows = got(product.api.get(f"{path}/segments?limit=100"))["data"]
    return [(row["content"], row["answer"]) for row in rows]


def test_each_piece_is_sent_with_the_language_and_every_pair_becomes_a_segment(
    product: Product, server: ChatServer
) -> None:
    server.delay_seconds = 0.02
    path = make(product, doc_language="Chinese")
    assert sorted(server.texts) == LINES
    assert all("Chinese" in asked.instructions for asked in server.asked)
    assert server.most_at_once <= 2
    # In order by piece, then by pair, whichever answer came first.
    assert pairs(product, path) == [pair for line in LINES for pair in pairs_about(line)]
    detail = shown(product, path)
    assert (detail["indexing_status"], detail["warning"]) == ("completed", None)
    [record] = product.retrieve(path.split("/")[3], "Who is in line 2 speaks of owls?", top_k=1)
    assert (record["segment"]["content"], record["segment"]["answer"]) == pairs_about(LINES[2])[0]


def test_a_failed_piece_falls_back_to_its_first_sentence_and_the_document_says_so(
    product: Product, server: ChatServer
) -> None:
    def refuse_one(asked: Asked) -> str:
        return {line: write(asked) for line in LINES if line != LINES[1]}[asked.text]

    server.write = refuse_one
    path = make(product)
    assert pairs(product, path) == [
        *pairs_about(LINES[0]),
        (LINES[1], LINES[1]),
        *(pair for line in LINES[2:] for pair in pairs_about(line)),
    ]
    detail = shown(product, path)
    assert (detail["indexing_status"], detail["error"]) == ("completed", None)
    assert detail["warning"].startswith(
        "1 of 4 pieces are answers to their own first sentence: Chat provider 127.0.0.1"
    )
    listed = got(product.api.get(path.rpartition("/")[0]))["data"][0]
    assert listed["warning"] == detail["warning"]


@pytest.mark.parametrize("answer", ["I cannot do that.", "Q1: only a question", "Q1:\nA1: only an answer"])
def test_an_answer_without_a_whole_pair_falls_back(product: Product, server: ChatServer, answer: str) -> None:
    server.write = lambda _: answer
    path = make(product)
    assert pairs(product, path) == [(line, line) for line in LINES]
    assert "4 of 4 pieces" in shown(product, path)["warning"]
    assert "the chat model listed no question with an answer" in shown(product, path)["warning"]


def test_a_provider_that_fails_every_time_is_soon_asked_no_more(product: Product, server: ChatServer) -> None:
    server.standing_failure = 401
    path = make(product, "\n".join(f"line {number}" for number in range(40)))
    assert shown(product, path)["indexing_status"] == "completed"
    assert len(pairs(product, path)) == 40
    assert len(server.asked) == 4
    assert "40 of 40 pieces" in shown(product, path)["warning"]


def test_without_a_chat_model_the_document_says_so(plain: Product) -> None:
    path = make(plain)
    assert pairs(plain, path) == [(line, line) for line in LINES]
    assert shown(plain, path)["warning"] == (
        "4 of 4 pieces are answers to their own first sentence: no chat model is configured; "
        "set ZHIKU_CHAT_URL and ZHIKU_CHAT_MODEL, then update the document."
    )


def test_explicit_pairs_need_no_model(product: Product, server: ChatServer) -> None:
    path = make(product, "Q: Who?\nA: Owls.\n问：何时？\n答：夜里。")
    assert pairs(product, path) == [("Who?", "Owls."), ("何时？", "夜里。")]
    assert (server.asked, shown(product, path)["warning"]) == ([], None)


@pytest.mark.parametrize("name", ["faq.csv", "faq.tsv"])
def test_rows_of_a_sheet_are_pairs_without_a_model(product: Product, server: ChatServer, name: str) -> None:
    rows = ["question,answer,page", 'Who hunts?,"Owls, at night",3', "When?,At night,", "alone,,"]
    text = "\n".join(rows).encode()
    if name.endswith("tsv"):
        text = b"question\tanswer\tpage\nWho hunts?\tOwls, at night\t3\nWhen?\tAt night\t\nalone\t\t\n"
    path = add_file(product, name, text)
    assert pairs(product, path) == [("Who hunts?", "Owls, at night"), ("When?", "At night")]
    assert (server.asked, shown(product, path)["warning"]) == ([], None)


def test_answers_are_kept_for_an_update_and_no_longer(product: Product, server: ChatServer) -> None:
    path = make(product)
    before = [row["id"] for row in got(product.api.get(f"{path}/segments"))["data"]]
    server.asked.clear()
    text = "\n".join([*LINES[:3], "line 9 is new"])
    got(product.api.post(f"{path}/update-by-text", json={"name": "faq", "text": text}))
    product.settle()
    assert server.texts == ["line 9 is new"]
    assert [row["id"] for row in got(product.api.get(f"{path}/segments"))["data"]][:6] == before[:6]
    with product.rt.db.read() as conn:
        assert len(conn.execute(select(chat_answers.c.answer)).all()) == 4


class BrokenOff:
    """A chat model whose process dies when it is asked about what is in `deadly`."""

    key = "test:writer"

    def __init__(self) -> None:
        self.deadly: set[str] = set()
        self.asked: list[str] = []

    def answer(self, instructions: str, text: str) -> str:
        self.asked.append(text)
        if text in self.deadly:
            raise MemoryError
        return write(Asked("", "", instructions, text, None))


def test_a_document_that_was_broken_off_asks_only_for_what_it_lacks(
    tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    chat = BrokenOff()
    with open_product(tmp_path / "data", database, clock=clock, chat=chat, chat_concurrency=2) as product:
        dataset_id = product.create_dataset("Guide")
        made = product.add_text(dataset_id, "faq", TEXT, **QA)["document"]
        path = f"/v1/datasets/{dataset_id}/documents/{made['id']}"
        chat.deadly = {LINES[2]}
        run_jobs(product.rt, product.handlers)
        assert shown(product, path)["indexing_status"] == "splitting"
        chat.deadly.clear()
        clock.advance(60)
        product.settle()
        assert pairs(product, path) == [pair for line in LINES for pair in pairs_about(line)]
        assert sorted(chat.asked) == sorted([*LINES, *LINES[2:]])


def test_the_bound_of_tokens_ends_the_asking(
    tmp_path: Path, sqlite_database: Database, chat: OpenAIChat, server: ChatServer
) -> None:
    with open_product(
        tmp_path / "data", sqlite_database, chat=chat, chat_concurrency=1, chat_tokens_per_document=300
    ) as bounded:
        path = make(bounded)
        assert 0 < len(server.asked) < len(LINES)
        assert "the bound of ZHIKU_CHAT_TOKENS_PER_DOCUMENT was reached" in shown(bounded, path)["warning"]


def test_a_deleted_document_takes_its_answers_along(product: Product) -> None:
    path = make(product)
    assert product.api.delete(path).status_code == 204
    with product.rt.db.read() as conn:
        assert conn.execute(select(chat_answers.c.answer)).all() == []

"""Question sets and evaluations, on both engines (contract 13)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import evaluation_results, jobs
from zhiku.evaluation import run
from zhiku.jobs.worker import JobHandedBack, run_jobs

ANIMALS = ("cat sleeps", "dog runs", "owl hunts", "fish swims")


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku over each of the two engines."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


class Case:
    """A dataset whose two documents have a segment a line."""

    def __init__(self, product: Product, technique: str = "high_quality", name: str = "Guide") -> None:
        self.product = product
        self.dataset_id = product.create_dataset(name, indexing_technique=technique)
        self.path = f"/v1/datasets/{self.dataset_id}"
        self.animals = self._add("animals", "\n".join(ANIMALS))
        self.plants = self._add("plants", "oak grows\nrose blooms")
        product.settle()
        listed = got(product.api.get(f"/v1/datasets/{self.dataset_id}/documents/{self.animals}/segments"))["data"]
        self.segments = {segment["content"]: segment["id"] for segment in listed}

    def _add(self, name: str, text: str) -> str:
        made = self.product.add_text(self.dataset_id, name, text, process_rule=by_line())
        return made["document"]["id"]

    def create(self, *questions: Any, name: str = "Animals") -> Any:
        return self.product.api.post(
            f"/v1/datasets/{self.dataset_id}/question-sets", json={"name": name, "questions": list(questions)}
        )

    def make_set(self) -> str:
        """Return the id of a set with a question for each animal."""
        made = self.create(*[{"query": text, "answers": [{"segment_id": self.segments[text]}]} for text in ANIMALS])
        return got(made)["id"]

    def upload(self, content: bytes, name: str = "questions.csv", **fields: str) -> Any:
        return self.product.api.post(
            f"/v1/datasets/{self.dataset_id}/question-sets/import", data=fields, files={"file": (name, content)}
        )

    def questions(self, set_id: str) -> list[dict[str, Any]]:
        return got(self.product.api.get(f"/v1/datasets/{self.dataset_id}/question-sets/{set_id}/questions"))["data"]

    def start(self, set_id: str, *settings: dict[str, Any]) -> Any:
        body = {"question_set_id": set_id, "settings": list(settings)}
        return self.product.api.post(f"/v1/datasets/{self.dataset_id}/evaluations", json=body)

    def evaluation(self, evaluation_id: str) -> dict[str, Any]:
        return got(self.product.api.get(f"/v1/datasets/{self.dataset_id}/evaluations/{evaluation_id}"))


@pytest.fixture
def case(product: Product) -> Case:
    return Case(product)


def test_a_set_keeps_its_questions_with_the_documents_and_segments_that_answer_them(case: Case) -> None:
    made = got(
        case.create(
            {"query": "Who sleeps?", "answers": [{"document": "animals", "position": 1, "grade": 3}]},
            {"query": "What grows?", "answers": [{"document": case.plants}, {"document": "animals"}]},
        )
    )
    assert (made["name"], made["question_count"]) == ("Animals", 2)
    sleeps, grows = case.questions(made["id"])
    assert sleeps == {
        "position": 1,
        "query": "Who sleeps?",
        "answers": [{"document_id": case.animals, "segment_id": case.segments["cat sleeps"], "grade": 3.0}],
    }
    assert [answer["document_id"] for answer in grows["answers"]] == [case.plants, case.animals]
    assert got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/question-sets/{made['id']}")) == made
    listed = got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/question-sets"))
    assert (listed["data"], listed["total"]) == ([made], 1)


def test_questions_are_paged(case: Case) -> None:
    set_id = case.make_set()
    page = got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/question-sets/{set_id}/questions?page=2&limit=3"))
    assert ([each["position"] for each in page["data"]], page["total"], page["has_more"]) == ([4], 4, False)
    beyond = got(
        case.product.api.get(f"/v1/datasets/{case.dataset_id}/question-sets/{set_id}/questions?page=9&limit=3")
    )
    assert (beyond["data"], beyond["total"]) == ([], 4)


def test_of_two_answers_that_name_the_same_the_better_grade_counts(case: Case) -> None:
    named = [
        {"document": "animals", "position": 1},
        {"segment_id": case.segments["cat sleeps"], "grade": 2},
        {"document": "animals", "segment": "cat", "grade": 1},
    ]
    made = got(case.create({"query": "cat", "answers": named}))
    assert [answer["grade"] for answer in case.questions(made["id"])[0]["answers"]] == [2.0]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ({"answers": [{"document": "animals"}]}, "questions.0.query"),
        ({"query": " ", "answers": [{"document": "animals"}]}, "questions.0.query"),
        ({"query": "x" * 251, "answers": [{"document": "animals"}]}, "questions.0.query"),
        ({"query": "x"}, "questions.0.answers"),
        ({"query": "x", "answers": []}, "questions.0.answers"),
        ({"query": "x", "answers": [{}]}, "questions.0.answers.0"),
        ({"query": "x", "answers": [{"position": 1}]}, "questions.0.answers.0"),
        ({"query": "x", "answers": [{"document": "none"}]}, "questions.0.answers.0.document"),
        ({"query": "x", "answers": [{"document": "animals", "position": 9}]}, "questions.0.answers.0.position"),
        ({"query": "x", "answers": [{"document": "animals", "position": 0}]}, "questions.0.answers.0.position"),
        ({"query": "x", "answers": [{"document": "animals", "segment": "whale"}]}, "questions.0.answers.0.segment"),
        ({"query": "x", "answers": [{"document": "animals", "segment": "s"}]}, "questions.0.answers.0.segment"),
        ({"query": "x", "answers": [{"segment_id": UNKNOWN}]}, "questions.0.answers.0.segment_id"),
        ({"query": "x", "answers": [{"document": "animals", "grade": 0}]}, "questions.0.answers.0.grade"),
        ({"query": "x", "answers": [{"document": "animals", "grade": "good"}]}, "questions.0.answers.0.grade"),
        ({"query": "x\0", "answers": [{"document": "animals"}]}, "questions"),
    ],
)
def test_a_question_that_cannot_be_kept_names_its_field(case: Case, question: Any, named: str) -> None:
    before = state(case.product)
    status, code, message = refusal(case.create(question))
    assert (status, code, message.partition(":")[0]) == (400, "invalid_param", named)
    assert state(case.product) == before


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"name": "x", "questions": []}, {"name": "", "questions": [1]}])
def test_a_set_without_name_or_questions_is_refused(case: Case, body: Any) -> None:
    assert refusal(case.product.api.post(f"/v1/datasets/{case.dataset_id}/question-sets", json=body))[:2] == (
        400,
        "invalid_param",
    )


def test_a_csv_file_becomes_a_set_whatever_its_delimiter_and_encoding(case: Case) -> None:
    rows = ("Question,Document,Segment,Position,Grade", "who sleeps,animals,cat,,2", "who sleeps,plants,,,")
    table = "\n".join((*rows, "who runs,animals,,2,"))
    for content in (
        table.encode(),
        b"\xef\xbb\xbf" + table.replace(",", ";").encode(),
        table.replace(",", "\t").encode(),
    ):
        made = got(case.upload(content))
        assert (made["name"], made["question_count"]) == ("questions.csv", 2)
        sleeps, runs = case.questions(made["id"])
        assert [(each["document_id"], each["grade"]) for each in sleeps["answers"]] == [
            (case.animals, 2.0),
            (case.plants, 1.0),
        ]
        assert runs["answers"][0]["segment_id"] == case.segments["dog runs"]
    chinese = "问题,文档,位置,相关度\n谁在睡觉,animals,1,2\n".encode("gb18030")
    made = got(case.upload(chinese, name="动物"))
    assert made["name"] == "动物"
    assert case.questions(made["id"])[0]["query"] == "谁在睡觉"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "file: holds no question"),
        (b"question,document\n", "file: holds no question"),
        (b"what,where\nx,animals\n", "file: the first row must name the columns"),
        (b"question,document\nx,none\n", "file: row 2, document: there is no document"),
        (b"question,document\n\nx,animals\n,animals\n", "file: row 4: question:"),
        (b"question,document,position\nx,animals,first\n", "file: row 2: position:"),
        (b"question,document,grade\nx,animals,-1\n", "file: row 2: grade:"),
        (b"question,document\nx,\n", "file: row 2: document: name a document"),
        (b"question,document\n\xff\xff\xff,animals\n", "file: is no text"),
        (b"question,document\nx\0,animals\n", "file: is no text"),
        (b"question,document\n" + b"x" * 200_000 + b",animals\n", "file: is no CSV"),
    ],
)
def test_a_csv_file_that_cannot_be_read_names_its_row(case: Case, content: bytes, said: str) -> None:
    before = state(case.product)
    status, code, message = refusal(case.upload(content))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(said)
    assert state(case.product) == before


def test_an_import_without_a_file_is_refused(case: Case) -> None:
    reply = case.product.api.post(f"/v1/datasets/{case.dataset_id}/question-sets/import", data={"name": "x"})
    assert refusal(reply)[1] == "no_file_uploaded"


def test_a_document_name_that_several_have_asks_for_the_id(case: Case) -> None:
    case.product.add_text(case.dataset_id, "plants", "ivy climbs", duplicate=False)
    renamed = case.product.add_text(case.dataset_id, "more", "ivy climbs")["document"]["id"]
    case.product.settle()
    got(
        case.product.api.post(
            f"/v1/datasets/{case.dataset_id}/documents/{renamed}/update-by-text", json={"name": "animals"}
        )
    )
    message = refusal(case.create({"query": "x", "answers": [{"document": "animals"}]}))[2]
    assert message == "questions.0.answers.0.document: several documents have this name; use the id"


def test_an_evaluation_compares_settings_over_all_questions(case: Case) -> None:
    methods = ("full_text_search", "semantic_search", "hybrid_search")
    started = got(case.start(case.make_set(), *[{"search_method": method} for method in methods]))
    assert (started["status"], started["done"], started["total"], started["ended_at"]) == ("waiting", 0, 4, None)
    assert [each["figures"] for each in started["settings"]] == [None] * 3
    case.product.settle()
    ended = case.evaluation(started["id"])
    assert (ended["status"], ended["done"], ended["error"]) == ("completed", 4, None)
    assert [each["retrieval_model"]["search_method"] for each in ended["settings"]] == list(methods)
    for each in ended["settings"]:
        figures = each["figures"]
        assert (figures["ndcg_at_10"], figures["recall"], figures["mrr"]) == (1.0, 1.0, 1.0)
        assert 0 < figures["p50_ms"] <= figures["p95_ms"]
    listed = got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/evaluations"))
    assert (listed["data"], listed["total"]) == ([ended], 1)


def test_results_are_told_question_by_question(case: Case) -> None:
    started = got(case.start(case.make_set(), {"search_method": "full_text_search"}))
    case.product.settle()
    path = f"/v1/datasets/{case.dataset_id}/evaluations/{started['id']}/results"
    page = got(case.product.api.get(path, params={"limit": 1, "page": 2}))
    assert (page["total"], page["has_more"]) == (4, True)
    (asked,) = page["data"]
    assert (asked["position"], asked["query"]) == (2, "dog runs")
    (result,) = asked["results"]
    assert (result["ndcg_at_10"], result["recall"], result["reciprocal_rank"]) == (1.0, 1.0, 1.0)
    assert result["hits"][0]["segment_id"] == case.segments["dog runs"] == asked["answers"][0]["segment_id"]
    assert result["hits"][0]["grade"] == 1.0


def test_ten_records_are_measured_where_fewer_are_wanted_and_recall_looks_at_those(case: Case) -> None:
    wanted = [{"segment_id": case.segments[text]} for text in ("cat sleeps", "dog runs")]
    made = got(case.create({"query": "cat sleeps dog", "answers": wanted}))
    started = got(case.start(made["id"], {"search_method": "full_text_search", "top_k": 1}))
    case.product.settle()
    figures = case.evaluation(started["id"])["settings"][0]["figures"]
    assert (figures["ndcg_at_10"], figures["recall"]) == (1.0, 0.5)


def test_a_whole_document_is_found_by_any_of_its_segments(case: Case) -> None:
    made = got(case.create({"query": "cat sleeps", "answers": [{"document": "animals"}]}))
    started = got(case.start(made["id"], {"search_method": "full_text_search"}))
    case.product.settle()
    assert case.evaluation(started["id"])["settings"][0]["figures"]["mrr"] == 1.0


def test_a_named_segment_is_known_again_after_its_document_is_cut_anew(case: Case) -> None:
    set_id = case.make_set()
    text = "\n".join(("bear eats", *ANIMALS))
    body = {"name": "animals", "text": text, "process_rule": by_line()}
    got(case.product.api.post(f"/v1/datasets/{case.dataset_id}/documents/{case.animals}/update-by-text", json=body))
    case.product.settle()
    started = got(case.start(set_id, {"search_method": "full_text_search"}))
    case.product.settle()
    assert case.evaluation(started["id"])["settings"][0]["figures"]["mrr"] == 1.0


def test_without_settings_the_datasets_own_are_measured(case: Case) -> None:
    started = got(case.start(case.make_set()))
    assert [each["retrieval_model"]["search_method"] for each in started["settings"]] == ["semantic_search"]


def test_an_evaluation_counts_no_hits(case: Case) -> None:
    got(case.start(case.make_set(), {"search_method": "full_text_search"}))
    case.product.settle()
    case.product.rt.hits.flush()
    listed = got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/documents/{case.animals}/segments"))["data"]
    assert {segment["hit_count"] for segment in listed} == {0}


def test_ten_questions_suggest_a_weight_and_a_threshold(case: Case) -> None:
    wanted = [{"query": ANIMALS[number % 4], "answers": [{"document": "animals"}]} for number in range(12)]
    started = got(case.start(got(case.create(*wanted))["id"], {"search_method": "hybrid_search"}))
    assert started["suggestion"] is None
    case.product.settle()
    found = case.evaluation(started["id"])["suggestion"]
    assert (found["ndcg_at_10"], found["vector_weight"]) == (1.0, 0.6)
    with case.product.rt.db.read() as conn:
        assert set(conn.execute(select(evaluation_results.c.pool_json)).scalars()) == {None}


def test_an_economy_dataset_is_evaluated_without_a_suggestion(product: Product) -> None:
    case = Case(product, "economy")
    wanted = [{"query": ANIMALS[number % 4], "answers": [{"document": "animals"}]} for number in range(12)]
    started = got(case.start(got(case.create(*wanted))["id"]))
    product.settle()
    ended = case.evaluation(started["id"])
    assert (ended["status"], ended["suggestion"], ended["settings"][0]["figures"]["mrr"]) == ("completed", None, 1.0)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ([{"search_method": "guess"}], "settings.0.search_method"),
        ([{}, {"top_k": 0}], "settings.1.top_k"),
        ([{"search_method": "hybrid_search", "weights": 2}], "settings.0.weights"),
        ([{}] * 9, "settings"),
        ("all", "settings"),
    ],
)
def test_settings_that_no_question_could_have_are_refused_by_field(case: Case, settings: Any, named: str) -> None:
    set_id = case.make_set()
    before = state(case.product)
    body = {"question_set_id": set_id, "settings": settings}
    status, code, message = refusal(case.product.api.post(f"/v1/datasets/{case.dataset_id}/evaluations", json=body))
    assert (status, code, message.partition(":")[0]) == (400, "invalid_param", named)
    assert state(case.product) == before


def test_a_rerank_model_that_is_not_served_is_refused_at_once(case: Case) -> None:
    model = {"reranking_provider_name": "x", "reranking_model_name": "y"}
    reply = case.start(case.make_set(), {"reranking_enable": True, "reranking_model": model})
    status, code, message = refusal(reply)
    assert (status, code) == (400, "provider_not_initialize")
    assert message.startswith("settings.0: ")


def test_a_dataset_with_nothing_to_find_cannot_be_evaluated(case: Case) -> None:
    set_id = case.make_set()
    for document_id in (case.animals, case.plants):
        assert case.product.api.delete(f"/v1/datasets/{case.dataset_id}/documents/{document_id}").status_code == 204
    case.product.settle()
    assert refusal(case.start(set_id))[1:] == (
        "invalid_param",
        "The dataset has nothing that can be found yet; add documents first.",
    )


def test_what_another_dataset_has_is_not_found(product: Product, case: Case) -> None:
    other = Case(product, name="Other")
    set_id = case.make_set()
    started = got(case.start(set_id))
    paths = [f"question-sets/{set_id}", f"question-sets/{set_id}/questions", f"evaluations/{started['id']}"]
    for path in [*paths, f"evaluations/{started['id']}/results"]:
        assert refusal(product.api.get(f"/v1/datasets/{other.dataset_id}/{path}"))[:2] == (404, "not_found")
    assert refusal(other.start(set_id)) == (404, "not_found", "Question set not found.")
    assert refusal(product.api.delete(f"/v1/datasets/{other.dataset_id}/question-sets/{set_id}"))[0] == 404
    assert refusal(product.api.delete(f"/v1/datasets/{other.dataset_id}/evaluations/{started['id']}"))[0] == 404
    assert refusal(product.api.post(f"/v1/datasets/{other.dataset_id}/evaluations/{started['id']}/cancel"))[0] == 404


def test_a_cancelled_evaluation_ends_where_it_is(case: Case) -> None:
    started = got(case.start(case.make_set()))
    cancel = f"/v1/datasets/{case.dataset_id}/evaluations/{started['id']}/cancel"
    cancelled = got(case.product.api.post(cancel))
    assert (cancelled["status"], cancelled["done"]) == ("cancelled", 0)
    assert cancelled["ended_at"] is not None
    case.product.settle()
    assert case.evaluation(started["id"]) == cancelled
    assert refusal(case.product.api.post(cancel))[1] == "invalid_action"


def test_deleting_a_set_deletes_what_was_measured_with_it_and_ends_its_work(case: Case) -> None:
    set_id = case.make_set()
    got(case.start(set_id))
    case.product.settle()
    got(case.start(set_id))
    assert case.product.api.delete(f"/v1/datasets/{case.dataset_id}/question-sets/{set_id}").status_code == 204
    assert got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/evaluations"))["total"] == 0
    with case.product.rt.db.read() as conn:
        assert conn.execute(select(jobs.c.number)).all() == []
        assert conn.execute(select(evaluation_results.c.position)).all() == []
    assert refusal(case.product.api.get(f"/v1/datasets/{case.dataset_id}/question-sets/{set_id}"))[0] == 404


def test_a_deleted_evaluation_is_gone_with_its_job(case: Case) -> None:
    started = got(case.start(case.make_set()))
    run_path = f"/v1/datasets/{case.dataset_id}/evaluations/{started['id']}"
    assert case.product.api.delete(run_path).status_code == 204
    assert refusal(case.product.api.get(run_path)) == (404, "not_found", "Evaluation not found.")
    assert run_jobs(case.product.rt, case.product.handlers) == 0


def test_a_dataset_is_deleted_with_all_that_was_measured(case: Case) -> None:
    got(case.start(case.make_set()))
    assert case.product.api.delete(case.path).status_code == 204
    case.product.settle()
    with case.product.rt.db.read() as conn:
        assert conn.execute(select(evaluation_results.c.position)).all() == []


def test_an_evaluation_goes_on_behind_the_last_batch_that_was_kept(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH", 1)
    started = got(case.start(case.make_set(), {"search_method": "full_text_search"}))
    asked: list[str] = []
    find = run.find_records

    def stop_at_the_third(*given: Any) -> Any:
        asked.append(given[1].plan.query)
        if asked.count("owl hunts") == 1 and asked[-1] == "owl hunts":
            raise JobHandedBack
        return find(*given)

    monkeypatch.setattr(run, "find_records", stop_at_the_third)
    case.product.settle()
    assert case.evaluation(started["id"])["status"] == "completed"
    first, _, second = "|".join(asked).partition("owl hunts")
    assert "dog runs" in first
    assert "dog runs" not in second
    results = got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/evaluations/{started['id']}/results"))["data"]
    assert [each["position"] for each in results] == [1, 2, 3, 4]


def test_a_key_that_may_only_read_sees_evaluations_and_starts_none(case: Case) -> None:
    set_id = case.make_set()
    made = got(case.product.api.post("/v1/keys", json={"name": "reader", "role": "read"}))
    reader = {"Authorization": f"Bearer {made['key']}"}
    api = case.product.anonymous
    assert got(api.get(f"/v1/datasets/{case.dataset_id}/question-sets", headers=reader))["total"] == 1
    body = {"question_set_id": set_id}
    assert refusal(api.post(f"/v1/datasets/{case.dataset_id}/evaluations", json=body, headers=reader))[:2] == (
        403,
        "forbidden",
    )

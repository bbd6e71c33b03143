"""SQL of evaluations and of their results, question by question."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from zhiku.db.tables import evaluation_results, evaluations, question_sets, questions
from zhiku.evaluation.question_store import Answer, Question
from zhiku.evaluation.suggestion import Candidate, Pool

WAITING, RUNNING, COMPLETED, CANCELLED, ERROR = "waiting", "running", "completed", "cancelled", "error"
UNFINISHED = (WAITING, RUNNING)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A row of `evaluations` with the name of its question set; `done` of `total` questions are asked."""

    id: str
    dataset_id: str
    question_set_id: str
    settings_json: str
    state: str
    done: int
    total: int
    error: str | None
    figures_json: str | None
    suggestion_json: str | None
    created_by: str
    created_at: float
    ended_at: float | None
    question_set_name: str


class Hit(msgspec.Struct, frozen=True):
    """A record of a result; `grade` is that of the answer it is, 0 for none."""

    segment_id: str
    document_id: str
    score: float
    grade: float


class Result(msgspec.Struct, frozen=True):
    """What one of the settings answered a question."""

    ndcg_at_10: float
    recall: float
    reciprocal_rank: float
    took_ms: float
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked with all settings; `pool` is empty where no suggestion can be made."""

    question: Question
    results: list[Result]
    pool: list[Candidate]


_OWN = [field.name for field in fields(Evaluation) if field.name != "question_set_name"]
_COLUMNS = [*(evaluations.c[name] for name in _OWN), question_sets.c.name]
_WITH_SET = select(*_COLUMNS).join(question_sets, question_sets.c.id == evaluations.c.question_set_id)
_QUESTION = (questions.c.question_set_id == bindparam("set_id")) & (
    questions.c.position == evaluation_results.c.position
)
_OF_RUN = evaluation_results.c.evaluation_id == bindparam("evaluation_id")
_ASKED = (
    select(questions.c.position, questions.c.query, questions.c.answers_json, evaluation_results.c.results_json)
    .join(questions, _QUESTION)
    .where(_OF_RUN)
    .order_by(questions.c.position)
    .offset(bindparam("offset"))
    .limit(bindparam("limit"))
)
_RESULTS = select(evaluation_results.c.results_json).where(_OF_RUN).order_by(evaluation_results.c.position)
_POOLS = (
    select(questions.c.answers_json, evaluation_results.c.pool_json)
    .join(questions, _QUESTION)
    .where(_OF_RUN, evaluation_results.c.pool_json.is_not(None))
    .order_by(questions.c.position)
)
_answers: msgspec.json.Decoder[list[Answer]] = msgspec.json.Decoder(list[Answer])
_results: msgspec.json.Decoder[list[Result]] = msgspec.json.Decoder(list[Result])
_candidates: msgspec.json.Decoder[list[Candidate]] = msgspec.json.Decoder(list[Candidate])


def insert_evaluation(tx: Connection, made: Evaluation) -> None:
    """Add an evaluation."""
    tx.execute(insert(evaluations), {name: getattr(made, name) for name in _OWN})


def find_evaluation(conn: Connection, dataset_id: str, evaluation_id: str) -> Evaluation | None:
    """Return a dataset's evaluation, or None."""
    wanted = _WITH_SET.where(evaluations.c.id == evaluation_id, evaluations.c.dataset_id == dataset_id)
    row = conn.execute(wanted).first()
    return Evaluation(*row) if row else None


def list_evaluations(conn: Connection, dataset_id: str, offset: int, limit: int) -> list[Evaluation]:
    """Return a page of a dataset's evaluations, newest first."""
    page = (
        _WITH_SET.where(evaluations.c.dataset_id == dataset_id)
        .order_by(evaluations.c.created_at.desc(), evaluations.c.id)
        .offset(offset)
        .limit(limit)
    )
    return [Evaluation(*row) for row in conn.execute(page)]


def count_evaluations(conn: Connection, dataset_id: str) -> int:
    """Return how many evaluations a dataset has."""
    counted = select(func.count()).select_from(evaluations).where(evaluations.c.dataset_id == dataset_id)
    return conn.execute(counted).scalar_one()


def list_unfinished_ids(conn: Connection, question_set_id: str) -> Sequence[str]:
    """Return the ids of the evaluations that ask a set's questions now or will."""
    found = select(evaluations.c.id).where(
        evaluations.c.question_set_id == question_set_id, evaluations.c.state.in_(UNFINISHED)
    )
    return conn.execute(found).scalars().all()


def change_evaluation(tx: Connection, evaluation_id: str, values: dict[str, Any]) -> bool:
    """Change an evaluation that has not ended; False if it has, or is gone."""
    changed = (
        update(evaluations)
        .where(evaluations.c.id == evaluation_id, evaluations.c.state.in_(UNFINISHED))
        .values(**values)
    )
    return tx.execute(changed).rowcount == 1


def delete_evaluation(tx: Connection, dataset_id: str, evaluation_id: str) -> bool:
    """Delete an evaluation with its results; False if it is gone."""
    gone = delete(evaluations).where(evaluations.c.id == evaluation_id, evaluations.c.dataset_id == dataset_id)
    return tx.execute(gone).rowcount == 1


def insert_results(tx: Connection, evaluation_id: str, asked: Sequence[Asked]) -> None:
    """Keep what questions were answered."""
    rows = [
        {
            "evaluation_id": evaluation_id,
            "position": each.question.position,
            "results_json": msgspec.json.encode(each.results).decode(),
            "pool_json": msgspec.json.encode(each.pool).decode() if each.pool else None,
        }
        for each in asked
    ]
    tx.execute(insert(evaluation_results), rows)


def list_asked(conn: Connection, evaluation: Evaluation, offset: int, limit: int) -> list[Asked]:
    """Return a page of the questions that were asked, in their order, without pools."""
    values = {
        "set_id": evaluation.question_set_id, "evaluation_id": evaluation.id, "offset": offset, "limit": limit
    }  # fmt: skip
    return [
        Asked(
            Question(row.position, row.query, _answers.decode(row.answers_json)), _results.decode(row.results_json), []
        )
        for row in conn.execute(_ASKED, values)
    ]


def list_results(conn: Connection, evaluation_id: str) -> list[list[Result]]:
    """Return all results of an evaluation: for each question one of each of the settings."""
    return [_results.decode(row[0]) for row in conn.execute(_RESULTS, {"evaluation_id": evaluation_id})]


def list_pools(conn: Connection, evaluation: Evaluation) -> list[Pool]:
    """Return what a suggestion is made of."""
    values = {"set_id": evaluation.question_set_id, "evaluation_id": evaluation.id}
    return [Pool(_answers.decode(row[0]), _candidates.decode(row[1])) for row in conn.execute(_POOLS, values)]


def drop_pools(tx: Connection, evaluation_id: str) -> None:
    """Forget what the suggestion was made of."""
    of_run = evaluation_results.c.evaluation_id == evaluation_id
    tx.execute(update(evaluation_results).where(of_run).values(pool_json=None))

"""What the routes of question sets and evaluations give back."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

import msgspec

from zhiku.evaluation.question_store import Answer, Question, QuestionSet
from zhiku.evaluation.store import Asked, Evaluation, Result
from zhiku.http.reply import Count, Id, OpenObject, PageBody, Seconds, one_of

Share = Annotated[float, ("minimum", 0), ("maximum", 1)]
Milliseconds = Annotated[float, ("minimum", 0)]


class QuestionSetBody(TypedDict):
    """A set of questions; it never changes."""

    id: Annotated[Id, "Id of the question set."]
    name: Annotated[str, "Shown name."]
    question_count: Annotated[Count, "How many questions it has."]
    created_by: Annotated[Id, "Who made it."]
    created_at: Annotated[Seconds, "When it was made."]


class QuestionSetPageBody(PageBody):
    """A page of question sets."""

    data: Annotated[list[QuestionSetBody], "The question sets, newest first."]


class AnswerBody(TypedDict):
    """What a question should find."""

    document_id: Annotated[Id, "Id of the document."]
    segment_id: Annotated[Id | None, "Id of the segment; null if any of the document's will do."]
    grade: Annotated[float, "How well it answers, next to the others."]


class QuestionBody(TypedDict):
    """A question with all that answers it."""

    position: Annotated[int, "Its place in the set, from 1.", ("minimum", 1)]
    query: Annotated[str, "The question."]
    answers: Annotated[list[AnswerBody], "What it should find."]


class QuestionPageBody(PageBody):
    """A page of questions."""

    data: Annotated[list[QuestionBody], "The questions in their order."]


class FiguresBody(TypedDict):
    """What one of the settings came to over all questions."""

    ndcg_at_10: Annotated[Share, "Mean of nDCG@10, with linear gains."]
    recall: Annotated[Share, "Mean share of the answers among the first `top_k` records."]
    mrr: Annotated[Share, "Mean of 1 / rank of the first answer among ten records."]
    p50_ms: Annotated[Milliseconds, "Half of the questions took at most this long."]
    p95_ms: Annotated[Milliseconds, "19 of 20 questions took at most this long."]


class ComparedBody(TypedDict):
    """One of the settings with its figures."""

    retrieval_model: Annotated[OpenObject, "The retrieval model."]
    figures: Annotated[FiguresBody | None, "Its figures; null until all questions are asked."]


class SuggestionBody(TypedDict):
    """What suits a dataset's questions best, measured on questions that it was not chosen by."""

    vector_weight: Annotated[Share, "Weight of the semantic side of a hybrid search."]
    ndcg_at_10: Annotated[Share, "nDCG@10 with this weight, by cross-validation."]
    default_ndcg_at_10: Annotated[Share, "nDCG@10 with Zhiku's own fixed weight."]
    score_threshold: Annotated[Share, "Least score that leaves the right records over."]
    f1: Annotated[Share, "F1 of the records above it, by cross-validation."]
    f1_without_threshold: Annotated[Share, "F1 of the first ten records."]


class EvaluationBody(TypedDict):
    """An evaluation: questions asked with several settings."""

    id: Annotated[Id, "Id of the evaluation."]
    question_set_id: Annotated[Id, "Id of its question set."]
    question_set_name: Annotated[str, "Name of that."]
    status: Annotated[str, one_of("waiting", "running", "completed", "cancelled", "error"), "How far it is."]
    done: Annotated[Count, "How many questions are asked."]
    total: Annotated[Count, "How many there are."]
    error: Annotated[str | None, "Why it ended in `error`; else null."]
    settings: Annotated[list[ComparedBody], "What is compared."]
    suggestion: Annotated[
        SuggestionBody | None, "Null until it is completed, with under ten questions and in an economy dataset."
    ]
    created_by: Annotated[Id, "Who began it."]
    created_at: Annotated[Seconds, "When it began."]
    ended_at: Annotated[Seconds | None, "When it ended."]


class EvaluationPageBody(PageBody):
    """A page of evaluations."""

    data: Annotated[list[EvaluationBody], "The evaluations, newest first."]


class HitBody(TypedDict):
    """A record of an answer."""

    segment_id: Annotated[Id, "Id of the segment."]
    document_id: Annotated[Id, "Id of its document."]
    score: Annotated[Share, "Its score."]
    grade: Annotated[float, "Grade of the answer that it is; 0 for none."]


class MeasuredBody(TypedDict):
    """What one of the settings answered a question."""

    ndcg_at_10: Annotated[Share, "nDCG@10."]
    recall: Annotated[Share, "Share of the answers among the first `top_k` records."]
    reciprocal_rank: Annotated[Share, "1 / rank of the first answer among ten records; 0 without one."]
    took_ms: Annotated[Milliseconds, "How long it took."]
    hits: Annotated[list[HitBody], "The first ten records, best first."]


class AskedBody(QuestionBody):
    """A question that was asked, with what each of the settings answered."""

    results: Annotated[list[MeasuredBody], "One for each of the settings, in their order."]


class AskedPageBody(PageBody):
    """A page of questions with their results."""

    data: Annotated[list[AskedBody], "The questions in their order."]


def set_body(question_set: QuestionSet) -> QuestionSetBody:
    """Return a question set as every route shows it."""
    return {
        "id": question_set.id,
        "name": question_set.name,
        "question_count": question_set.question_count,
        "created_by": question_set.created_by,
        "created_at": int(question_set.created_at),
    }


def question_body(question: Question) -> QuestionBody:
    """Return a question with its answers."""
    return {
        "position": question.position,
        "query": question.query,
        "answers": [_answer_body(answer) for answer in question.answers],
    }


def evaluation_body(evaluation: Evaluation) -> EvaluationBody:
    """Return an evaluation as every route shows it."""
    models = msgspec.json.decode(evaluation.settings_json, type=list[dict[str, Any]])
    figures: Sequence[FiguresBody | None] = [None] * len(models)
    if evaluation.figures_json is not None:
        figures = msgspec.json.decode(evaluation.figures_json)
    return {
        "id": evaluation.id,
        "question_set_id": evaluation.question_set_id,
        "question_set_name": evaluation.question_set_name,
        "status": evaluation.state,
        "done": evaluation.done,
        "total": evaluation.total,
        "error": evaluation.error,
        "settings": [{"retrieval_model": model, "figures": its} for model, its in zip(models, figures, strict=True)],
        "suggestion": msgspec.json.decode(evaluation.suggestion_json or "null"),
        "created_by": evaluation.created_by,
        "created_at": int(evaluation.created_at),
        "ended_at": None if evaluation.ended_at is None else int(evaluation.ended_at),
    }


def asked_body(asked: Asked) -> AskedBody:
    """Return a question with its results."""
    return {**question_body(asked.question), "results": [_result_body(result) for result in asked.results]}


def _answer_body(answer: Answer) -> AnswerBody:
    return {"document_id": answer.document_id, "segment_id": answer.segment_id, "grade": answer.grade}


def _result_body(result: Result) -> MeasuredBody:
    hits: list[HitBody] = [
        {"segment_id": hit.segment_id, "document_id": hit.document_id, "score": hit.score, "grade": hit.grade}
        for hit in result.hits
    ]
    return {
        "ndcg_at_10": result.ndcg_at_10,
        "recall": result.recall,
        "reciprocal_rank": result.reciprocal_rank,
        "took_ms": result.took_ms,
        "hits": hits,
    }

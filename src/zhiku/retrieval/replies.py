"""What an explanation and the details of records look like on the wire (contract 13)."""

from typing import Annotated, NotRequired, TypedDict, get_args

from zhiku.http.reply import Count, Id, OpenObject, one_of
from zhiku.retrieval.plan import BranchKind
from zhiku.retrieval.reasons import Fate, Figure, Reason, ReasonCode
from zhiku.retrieval.schemas import QueryBody, RecordBody, Score

Milliseconds = Annotated[float, ("minimum", 0)]
Rank = Annotated[int, ("minimum", 1), "Its place in the list, from 1."]
Kind = Annotated[str, one_of(*get_args(BranchKind)), "What is searched: embeddings, words or keywords."]


class NeighbourBody(TypedDict):
    """A segment beside one that was found."""

    id: Annotated[Id, "Id of the segment."]
    position: Annotated[int, "Its place in the document.", ("minimum", 1)]
    content: Annotated[str, "The text; the question in a Q&A document."]


class NeighboursBody(TypedDict):
    """The segments around one that was found, which may answer themselves; in their order."""

    before: Annotated[list[NeighbourBody], "Those before it."]
    after: Annotated[list[NeighbourBody], "Those behind it."]


class DetailedRecordBody(RecordBody):
    """One answer, with what was asked for beside it."""

    highlights: NotRequired[
        Annotated[
            list[Annotated[list[Count], ("minItems", 2), ("maxItems", 2)]],
            "Where the question's words stand in `content`: the first character and the one behind, in code points.",
        ]
    ]
    neighbours: NotRequired[Annotated[NeighboursBody, "The segments around it."]]


class ReasonBody(TypedDict):
    """Why something is an answer or not."""

    code: Annotated[str, one_of(*get_args(ReasonCode)), "The reason, for programs."]
    message: Annotated[str, "The reason as a sentence."]
    params: Annotated[dict[str, Figure], "The figures that the sentence names."]


class PlannedBranchBody(TypedDict):
    """One search of the plan."""

    kind: Kind
    weight: Annotated[Score, "Its share of the final score."]


class PlanBody(TypedDict):
    """How the question was asked, after the defaults were filled in."""

    search_method: Annotated[str, "The method that was wanted; an economy dataset answers all by keywords."]
    branches: Annotated[list[PlannedBranchBody], "The searches."]
    top_k: Annotated[int, "The most records.", ("minimum", 1)]
    score_threshold: Annotated[float | None, "The lowest score of a record; null for none."]
    recall: Annotated[int, "How many candidates each search brings at first.", ("minimum", 1)]


class WordBody(TypedDict):
    """A word of the question as it was looked up: folded, stemmed, simplified."""

    word: Annotated[str, "The word as the index holds it."]
    idf: Annotated[float, "What finding it says; the rarer, the more."]
    postings: Annotated[Count, "In about how many texts of the dataset it is."]


class DocumentScopeBody(TypedDict):
    """Which documents may answer."""

    documents: Annotated[Count, "Documents of the dataset."]
    passing: Annotated[Count, "Those that meet the metadata conditions; all where there are none."]
    conditions: Annotated[OpenObject | None, "The conditions that were applied; null for none."]


class CandidateBody(TypedDict):
    """A text that a search found."""

    rank: Rank
    segment_id: Annotated[Id | None, "Its segment; null if that is gone."]
    hook_id: Annotated[Id | None, "The child chunk that was found, or the segment itself."]
    document_id: Annotated[Id | None, "Its document."]
    document_name: Annotated[str | None, "Name of its document."]
    position: Annotated[int | None, "Place of the segment in its document."]
    excerpt: Annotated[str | None, "How the segment begins."]
    score: Annotated[Score, "How well it fits, from 0 to 1."]


class BranchCandidateBody(CandidateBody):
    """A text that a search found, with the search's own figure."""

    raw_score: Annotated[float, "Before it was made a score: a cosine, a sum of BM25, or of idf."]


class BranchBody(TypedDict):
    """One search and what it found."""

    kind: Kind
    weight: Annotated[Score, "Its share of the final score."]
    depth: Annotated[Count, "How many candidates it was asked for at last."]
    found: Annotated[Count, "How many it found."]
    took_ms: Annotated[Milliseconds, "How long it took."]
    candidates: Annotated[list[BranchCandidateBody], "The best of them, at most 200."]


class FusedBody(CandidateBody):
    """A candidate after all searches were put together."""

    contributions: Annotated[dict[str, float], "What each search adds to the score, by its kind."]
    fate: Annotated[str, one_of(*get_args(Fate)), "Whether it is an answer, else why not."]


class FunnelBody(TypedDict):
    """How many were left after each step."""

    candidates: Annotated[Count, "Texts that any search found."]
    above_threshold: Annotated[Count, "Those with a score at the threshold or above."]
    may_answer: Annotated[Count, "Their segments, without what is disabled, archived or gone."]
    records: Annotated[Count, "Those that are in the answer."]


class TimingsBody(TypedDict):
    """How long each step took, in milliseconds."""

    plan: Annotated[Milliseconds, "Reading the settings."]
    embed: Annotated[Milliseconds, "Embedding the question."]
    filter: Annotated[Milliseconds, "Finding the documents that meet the conditions."]
    search: Annotated[Milliseconds, "All searches of the index."]
    records: Annotated[Milliseconds, "Putting them together and reading the segments."]
    total: Annotated[Milliseconds, "All of these."]


class SubjectBranchBody(TypedDict):
    """How one search sees the segment that was asked about."""

    kind: Kind
    rank: Annotated[int | None, "Its place among all, null if it is not found or behind place 1,000."]
    raw_score: Annotated[float | None, "Its figure before that was made a score; null if it is not found."]
    score: Annotated[float | None, "How well it fits; null if it is not found."]
    is_candidate: Annotated[bool, "Whether the search brought it."]


class SubjectBody(TypedDict):
    """The segment that was asked about, and why it is in the answer or not."""

    segment_id: Annotated[Id, "Its id."]
    document_id: Annotated[Id, "Its document."]
    document_name: Annotated[str, "Name of its document."]
    position: Annotated[int, "Its place in the document."]
    rank: Annotated[int | None, "Its place among what could answer; null if it cannot."]
    score: Annotated[float | None, "The score that it has or would have; null if no search finds it."]
    branches: Annotated[list[SubjectBranchBody], "How each search sees it."]
    reason: Annotated[ReasonBody, "Why it is in the answer or not."]


class ExplanationBody(TypedDict):
    """What each step of a retrieval saw."""

    plan: Annotated[PlanBody | None, "How it was asked; null where nothing can answer."]
    words: Annotated[list[WordBody], "The question's words."]
    scope: Annotated[DocumentScopeBody, "Which documents may answer."]
    branches: Annotated[list[BranchBody], "The searches."]
    fused: Annotated[list[FusedBody], "All candidates, best first, at most 200."]
    funnel: Annotated[FunnelBody, "How many were left after each step."]
    dropped: Annotated[dict[str, int], "How many candidates are no answer, by what became of them."]
    timings: Annotated[TimingsBody, "How long each step took."]
    reason: Annotated[ReasonBody | None, "Why there is no answer; null if there is one."]
    segment: Annotated[SubjectBody | None, "The segment that was asked about; null if none was."]


class DetailedBody(TypedDict):
    """The answers to a question, with what was asked for beside them."""

    query: Annotated[QueryBody, "The question."]
    records: Annotated[list[DetailedRecordBody], "The answers, best first."]
    explain: NotRequired[Annotated[ExplanationBody, "What each step saw, where `explain` is true."]]


class ExplainBody(TypedDict):
    """The answers to a question, and what each step saw."""

    query: Annotated[QueryBody, "The question."]
    records: Annotated[list[DetailedRecordBody], "The answers, best first, with highlights."]
    explain: Annotated[ExplanationBody, "What each step saw."]


def reason_body(reason: Reason) -> ReasonBody:
    """Return a reason as it is told."""
    return {"code": reason.code, "message": reason.sentence, "params": reason.figures}

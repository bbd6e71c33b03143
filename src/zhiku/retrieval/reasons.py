"""Why something is an answer or not: a code with its figures, and the English sentence of it (pure)."""

from dataclasses import dataclass
from typing import Literal

from zhiku.retrieval.explain_store import Standing

Fate = Literal[
    "answer",
    "merged",
    "below_threshold",
    "beyond_top_k",
    "deleted",
    "outdated",
    "segment_disabled",
    "segment_not_completed",
    "document_not_completed",
    "document_disabled",
    "document_archived",
]
"""What became of a candidate."""

Verdict = Literal[
    "document_filtered",
    "no_shared_word",
    "no_words",
    "not_indexed",
    "not_recalled",
    "nothing_indexed",
    "no_document_passes",
    "none_may_answer",
    "no_word_found",
    "best_below_threshold",
]

ReasonCode = Literal[Fate, Verdict]
"""Why a segment is in the answer or not, or why the answer is empty."""

Figure = str | int | float

_SENTENCES: dict[ReasonCode, str] = {
    "merged": "Another text of its segment fits better.",
    "deleted": "The catalog no longer has it.",
    "answer": "It is answer number {rank}, with a score of {score}.",
    "below_threshold": "Its score of {score} is below the threshold of {threshold}.",
    "beyond_top_k": "It is number {rank} of what could answer, and only {top_k} are asked for.",
    "outdated": "It is not of the content that its document answers with: that is newer, or this is not indexed yet.",
    "segment_disabled": "The segment is disabled.",
    "segment_not_completed": "The segment is not indexed.",
    "document_not_completed": "Its document has not been indexed yet.",
    "document_disabled": "Its document is disabled.",
    "document_archived": "Its document is archived.",
    "document_filtered": "Its document does not meet the metadata conditions.",
    "no_shared_word": "It has none of the words that the question asks for.",
    "no_words": "The question has no words to look up: none, or only such as say nothing.",
    "not_indexed": "The index has no text of it that this search method could find.",
    "not_recalled": "It is too far down the list of every branch, of which the first {recall} are looked at.",
    "nothing_indexed": "The dataset has nothing to search: no document of it is indexed.",
    "no_document_passes": "None of the {documents} documents meets the metadata conditions.",
    "no_word_found": "No text that may answer has a word of the question.",
    "best_below_threshold": "The best score, {score}, is below the threshold of {threshold}.",
    "none_may_answer": "What was found may not answer: it is disabled, archived or no longer there.",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason by its code, with the figures that its sentence names."""

    code: ReasonCode
    figures: dict[str, Figure]

    @property
    def sentence(self) -> str:
        """Return the reason in English."""
        shown = {name: f"{each:.3f}" if isinstance(each, float) else each for name, each in self.figures.items()}
        return _SENTENCES[self.code].format(**shown)


def make_reason(code: ReasonCode, **figures: Figure) -> Reason:
    """Return a reason; `figures` are what its sentence names."""
    return Reason(code, figures)


def bar_of(standing: Standing) -> Fate | None:
    """Return what keeps a segment from answering whatever is asked, None if nothing does."""
    bars: list[tuple[bool, Fate]] = [
        (not standing.is_completed, "document_not_completed"),
        (standing.is_archived, "document_archived"),
        (not standing.is_document_enabled, "document_disabled"),
        (not standing.is_enabled, "segment_disabled"),
        (standing.status != "completed", "segment_not_completed"),
        (not standing.is_live, "outdated"),
    ]
    return next((fate for is_barred, fate in bars if is_barred), None)

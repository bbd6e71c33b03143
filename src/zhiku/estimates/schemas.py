"""What the estimate of a document's segments takes, and what it gives back (contract 13)."""

from typing import Annotated, Any, TypedDict, cast

import msgspec
from pydantic import Field

from zhiku.documents.decision import CutDecision
from zhiku.documents.replies import FormName, RuleMode, RulesBody
from zhiku.documents.schemas import DocumentForm
from zhiku.http.paging import Page, page_body
from zhiku.http.reply import Count, PageBody
from zhiku.http.schema import ContentText, WireModel, example
from zhiku.ingestion.estimate import Estimate, EstimatedSegment


class EstimateDocument(WireModel):
    """A text, if no file comes, and how it would be cut."""

    model_config = example(
        text="The reading room is open from 9 to 18.\n\nOn Sundays it is closed.",
        process_rule={"mode": "custom", "rules": {"segmentation": {"separator": "\n\n", "max_tokens": 500}}},
    )

    text: ContentText | None = Field(default=None, description="The text to cut; NUL is dropped.")
    process_rule: dict[str, Any] | None = Field(
        default=None, description="How to clean and cut; the dataset's newest rule if absent, else the automatic one."
    )
    doc_form: DocumentForm | None = Field(default=None, description="The dataset's form if absent.")


class EstimatedChildBody(TypedDict):
    """A child chunk that would be made."""

    position: Annotated[int, "Its place in its segment, from 1.", ("minimum", 1)]
    content: Annotated[str, "Its text."]
    word_count: Annotated[Count, "Characters."]
    tokens: Annotated[Count, "Tokens."]


class EstimatedSegmentBody(TypedDict):
    """A segment that would be made."""

    position: Annotated[int, "Its place in the document, from 1.", ("minimum", 1)]
    content: Annotated[str, "Its text; in a Q&A document the question."]
    answer: Annotated[str | None, "The answer, in a Q&A document."]
    word_count: Annotated[Count, "Characters."]
    tokens: Annotated[Count, "Tokens."]
    child_chunks: Annotated[list[EstimatedChildBody], "Its child chunks, in a hierarchical document."]


class EstimateRuleBody(TypedDict):
    """The rule that would be used, with what was not sent filled in."""

    mode: Annotated[RuleMode, "Who chose the rules."]
    rules: Annotated[RulesBody, "The rules."]


class EstimateBody(PageBody):
    """A page of the segments that would be made; `total` counts all of them."""

    data: Annotated[list[EstimatedSegmentBody], "The segments, in the order of the text."]
    child_chunk_total: Annotated[Count, "Child chunks in all."]
    word_count: Annotated[Count, "Characters of all segments."]
    tokens: Annotated[Count, "Tokens of all segments."]
    doc_form: Annotated[FormName, "How the text becomes segments."]
    process_rule: Annotated[EstimateRuleBody, "The rule."]


def estimate_body(estimate: Estimate, decision: CutDecision, page: Page) -> EstimateBody:
    """Return the reply of an estimate."""
    listed = page_body([_segment_body(each) for each in estimate.segments], estimate.total, page)
    rules: RulesBody = msgspec.json.decode(decision.rule.rules_json)
    return {
        **cast(PageBody, listed),
        "data": listed["data"],
        "child_chunk_total": estimate.children,
        "word_count": estimate.word_count,
        "tokens": estimate.tokens,
        "doc_form": decision.doc_form,
        "process_rule": {"mode": decision.rule.mode, "rules": rules},
    }


def _segment_body(segment: EstimatedSegment) -> EstimatedSegmentBody:
    return {
        "position": segment.position,
        "content": segment.content,
        "answer": segment.answer,
        "word_count": segment.word_count,
        "tokens": segment.tokens,
        "child_chunks": [
            {
                "position": child.position,
                "content": child.content,
                "word_count": child.word_count,
                "tokens": child.tokens,
            }
            for child in segment.children
        ],
    }

"""What the routes of question sets and evaluations take."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.http.schema import WireModel, example
from zhiku.retrieval.schemas import QUERY_CHARS

MAX_QUESTIONS = 2000
MAX_ANSWERS = 200
MAX_ANSWERS_IN_SET = 10_000
MAX_SETTINGS = 8
NAME_CHARS = 100


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


SetName = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), AfterValidator(_not_blank)]
Query = Annotated[str, Field(min_length=1, max_length=QUERY_CHARS), AfterValidator(_not_blank)]


class WantedAnswer(WireModel):
    """A document or a segment that answers a question."""

    document: str | None = Field(default=None, description="Id or name of the document.", max_length=255)
    segment_id: str | None = Field(default=None, description="Id of the segment.", max_length=36)
    position: int | None = Field(default=None, ge=1, description="The segment's position in the document.")
    segment: str | None = Field(default=None, min_length=1, description="Text that is in this segment of the document.")
    grade: float = Field(default=1.0, gt=0, le=100, description="How well it answers, next to the others.")

    @model_validator(mode="after")
    def names_something(self) -> "WantedAnswer":
        """Refuse an answer that names nothing, or a place in no document."""
        if self.document is None and self.segment_id is None:
            raise ValueError("name a document or a segment_id")
        return self


class WantedQuestion(WireModel):
    """A question with all that answers it."""

    query: Query = Field(description="The question.")
    answers: list[WantedAnswer] = Field(min_length=1, max_length=MAX_ANSWERS, description="What it should find.")


class CreateQuestionSet(WireModel):
    """A new set of questions."""

    model_config = example(
        name="Opening hours",
        questions=[{"query": "When is the reading room open?", "answers": [{"document": "welcome.md", "grade": 1}]}],
    )

    name: SetName = Field(description="Shown name.")
    questions: list[WantedQuestion] = Field(min_length=1, max_length=MAX_QUESTIONS, description="The questions.")


class ImportQuestionSet(WireModel):
    """What comes with an uploaded CSV file."""

    name: SetName | None = Field(default=None, description="Shown name; the file's without one.")


class CreateEvaluation(WireModel):
    """An evaluation to be run."""

    model_config = example(
        question_set_id="2f0b2a64-3c3f-4a8e-9a57-0c4a4a1b7f10",
        settings=[{"search_method": "hybrid_search"}, {"search_method": "full_text_search"}],
    )

    question_set_id: str = Field(max_length=36, description="Id of the question set.")
    settings: list[RetrievalModel] = Field(
        default_factory=list[RetrievalModel],
        max_length=MAX_SETTINGS,
        description="The retrieval models to compare; the dataset's own without any.",
    )

"""What may be asked for beside the answers to a question (contract 13)."""

from pydantic import Field

from zhiku.http.schema import WireModel, example
from zhiku.retrieval.schemas import RetrieveRequest

MOST_NEIGHBOURS = 3


class DetailOptions(WireModel):
    """What records show besides; nothing of it is worked out unless it is asked for."""

    highlights: bool = Field(default=False, description="Where the question's words stand in each record.")
    neighbours: int = Field(
        default=0, ge=0, le=MOST_NEIGHBOURS, description="How many segments before and behind each record to show."
    )


class RetrieveOptions(DetailOptions):
    """What a retrieve shows besides its records."""

    explain: bool = Field(
        default=False, description="Tell what each step saw, with highlights; the answer then counts as no hit."
    )


class ExplainRequest(RetrieveRequest):
    """A question to a dataset, and a segment to say of why it is in the answer or not."""

    model_config = example(query="When is the reading room open?", retrieval_model={"search_method": "hybrid_search"})

    segment_id: str | None = Field(default=None, description="A segment of the dataset.")

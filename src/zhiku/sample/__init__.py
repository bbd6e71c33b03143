"""The sample of a first start: Zhiku's own user guide in English and Chinese, with a question for each."""

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class SampleDocument:
    """One page of the guide; `name` is unlike all others, `language` is `en` or `zh`."""

    name: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question and the document whose segment should come first."""

    language: str
    query: str
    expected_name: str


QUESTIONS = (
    SampleQuestion("en", "How do I back up my data?", "Operating Zhiku.md"),
    SampleQuestion("zh", "检索分数的阈值应该怎么选？", "检索.md"),
)

# The folder and file of each page, and its name as a document. File names stay ASCII for archives of any age.
_PAGES = (
    ("en", "quick-start.md", "Quick start.md"),
    ("en", "documents.md", "Datasets, documents and segments.md"),
    ("en", "retrieval.md", "Retrieval.md"),
    ("en", "operating.md", "Operating Zhiku.md"),
    ("zh", "quick-start.md", "快速上手.md"),
    ("zh", "documents.md", "知识库、文档与分段.md"),
    ("zh", "retrieval.md", "检索.md"),
    ("zh", "operating.md", "运维.md"),
)


def documents() -> list[SampleDocument]:
    """Return the pages of the guide in reading order, English first."""
    root = files(__name__)
    return [
        SampleDocument(name, root.joinpath(language, page).read_text(encoding="utf-8"), language)
        for language, page, name in _PAGES
    ]

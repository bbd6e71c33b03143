"""A small Zhiku in memory: what datasets, documents, segments, metadata and tags must come to after any changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

BETWEEN_CHILDREN = "|"


@dataclass
class ModelChild:
    """A child chunk; the id is empty until the product has told it."""

    content: str
    is_customized: bool
    id: str = ""


@dataclass
class ModelSegment:
    """A segment; the id is empty until the product has told it."""

    content: str
    position: int
    is_manual: bool = False
    is_enabled: bool = True
    hits: int = 0
    children: list[ModelChild] = field(default_factory=list[ModelChild])
    id: str = ""

    @property
    def has_customized(self) -> bool:
        """Whether a person wrote one of its child chunks."""
        return any(child.is_customized for child in self.children)


@dataclass
class ModelDocument:
    """A document whose work is done."""

    id: str
    name: str
    is_enabled: bool = True
    is_archived: bool = False
    segments: list[ModelSegment] = field(default_factory=list[ModelSegment])
    # By the field's id.
    values: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_available(self) -> bool:
        """Whether its segments may answer."""
        return self.is_enabled and not self.is_archived

    @property
    def word_count(self) -> int:
        """How many characters its segments have."""
        return sum(len(segment.content) for segment in self.segments)


@dataclass
class ModelDataset:
    """A dataset with its documents, oldest first."""

    id: str
    name: str
    technique: str
    doc_form: str
    has_built_in_fields: bool = False
    documents: list[ModelDocument] = field(default_factory=list[ModelDocument])
    # Id to name, oldest first.
    fields: dict[str, str] = field(default_factory=dict[str, str])
    tags: set[str] = field(default_factory=set[str])

    @property
    def has_children(self) -> bool:
        """Whether segments are cut into child chunks."""
        return self.doc_form == "hierarchical_model"

    def replaceable(self, name: str) -> ModelDocument | None:
        """Return the document that a create of this name replaces."""
        return next((each for each in self.documents if each.name == name and each.is_available), None)

    def cut(self, content: str) -> list[ModelChild]:
        """Return the automatic child chunks of a segment."""
        if not self.has_children:
            return []
        return [ModelChild(each, is_customized=False) for each in content.split(BETWEEN_CHILDREN)]

    def replace_content(self, document: ModelDocument, lines: Sequence[str]) -> None:
        """Give a document new content: what stays keeps its segment, what was written by hand follows."""
        old = [segment for segment in document.segments if not segment.is_manual]
        new: list[ModelSegment] = []
        for line in lines:
            kept = next((segment for segment in old if self._is_kept(segment, line)), None)
            if kept is not None:
                old.remove(kept)
            new.append(kept or ModelSegment(line, 0, children=self.cut(line)))
        new += [segment for segment in document.segments if segment.is_manual]
        for position, segment in enumerate(new, 1):
            segment.position = position
        document.segments = new

    def _is_kept(self, segment: ModelSegment, line: str) -> bool:
        children = [child.content for child in segment.children]
        is_as_cut = children == [child.content for child in self.cut(line)]
        return segment.content == line and (segment.has_customized or is_as_cut)

    def answers(self, word: str) -> list[tuple[ModelDocument, ModelSegment]]:
        """Return the segments that a search for a word must find."""
        return [
            (document, segment)
            for document in self.documents
            if document.is_available
            for segment in document.segments
            if segment.is_enabled and self._is_met(segment, word)
        ]

    def _is_met(self, segment: ModelSegment, word: str) -> bool:
        is_hook = not self.has_children or self.technique == "economy"
        return bool(matched(segment, word)) or (is_hook and has_word(segment.content, word))


@dataclass
class Model:
    """All datasets and tags, oldest first."""

    datasets: dict[str, ModelDataset] = field(default_factory=dict[str, ModelDataset])
    # Id to name, oldest first.
    tags: dict[str, str] = field(default_factory=dict[str, str])

    def bindings_of(self, tag_id: str) -> int:
        """Return how many datasets have a tag."""
        return sum(tag_id in dataset.tags for dataset in self.datasets.values())


def has_word(content: str, word: str) -> bool:
    """Tell whether a word occurs in a text of the test."""
    return word in content.split(BETWEEN_CHILDREN)


def matched(segment: ModelSegment, word: str) -> list[ModelChild]:
    """Return the child chunks of a segment that a search for a word meets."""
    return [child for child in segment.children if has_word(child.content, word)]

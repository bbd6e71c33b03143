"""The retrieval lab: a question to a dataset, with two settings side by side, its answers and what each step saw."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from zhiku.console.language import Language
from zhiku.console.pages import Pages, Visit
from zhiku.datasets.retrieval_model import RetrievalModel, stored_retrieval_model
from zhiku.datasets.schemas import UpdateDataset
from zhiku.datasets.service import get_dataset
from zhiku.datasets.store import Dataset
from zhiku.datasets.updates import update_dataset
from zhiku.errors import ZhikuError
from zhiku.http.public_url import read_public_url
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul
from zhiku.retrieval.explain import Explained, explain
from zhiku.retrieval.replies import ExplanationBody, ReasonBody
from zhiku.retrieval.schemas import QUERY_CHARS, Record, RetrieveRequest
from zhiku.text.places import find_words

pages = Pages()

METHODS = ("hybrid_search", "semantic_search", "full_text_search", "keyword_search")
LANES = 2
FIELDS = ("method", "top_k", "threshold", "weight")


@dataclass(frozen=True, slots=True)
class Setting:
    """How to ask, as it stands in the form's fields; an empty one is left to the dataset or to Zhiku."""

    method: str
    top_k: str = ""
    threshold: str = ""
    weight: str = ""

    def model(self) -> dict[str, Any]:
        """Return what it changes of a retrieval model."""
        return {
            "search_method": self.method,
            **({"top_k": self.top_k} if self.top_k else {}),
            "score_threshold_enabled": bool(self.threshold),
            "score_threshold": self.threshold or None,
            "weights": _weights(self.weight),
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with its text in parts, marked or not, and what each search adds to its score."""

    record: Record
    parts: list[tuple[bool, str]]
    contributions: dict[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of one setting and what each step saw, or what could not be done."""

    setting: Setting
    curl: str
    records: list[Shown]
    told: ExplanationBody | None
    problem: str | None


@pages.get("/datasets/{dataset_id:id}/lab")
async def show_lab(visit: Visit) -> Response:
    """Show the lab, with answers if there is a question; trying counts no hits."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    question = visit.query.get("query", "").strip()
    segment_id = visit.query.get("segment", "")
    settings = _settings(visit, dataset)
    asked = [setting for setting in settings if setting.method] if question else []
    answers = [await in_thread(_ask, visit, dataset, question, setting, segment_id) for setting in asked]
    return visit.render(
        "lab.html",
        dataset=dataset,
        question=question,
        segment_id=segment_id,
        methods=METHODS if dataset.indexing_technique != "economy" else METHODS[-2:],
        settings=settings,
        answers=answers,
        query_chars=QUERY_CHARS,
        tell=partial(_tell, visit.language),
    )


@pages.post("/datasets/{dataset_id:id}/lab")
async def save_setting(visit: Visit) -> Response:
    """Make one of the tried settings the dataset's own; what the lab does not show of it stays."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    setting = Setting(*(visit.form.get(name, "") for name in FIELDS))
    own = stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique).model_dump()
    request = parse(UpdateDataset, {"retrieval_model": own | setting.model()})
    refuse_nul(request)
    await in_thread(update_dataset, visit.rt, visit.actor, dataset.id, request)
    query = urlencode({"query": visit.form.get("query", "")})
    return visit.go(f"/console/datasets/{dataset.id}/lab?{query}", "lab.saved")


def _settings(visit: Visit, dataset: Dataset) -> list[Setting]:
    """Return the settings of all lanes: as the address has them, the first else as the dataset does."""
    methods = visit.query.getlist("method")
    if not any(method in METHODS for method in methods):
        return [_own_setting(dataset), Setting("")]
    listed = {name: visit.query.getlist(name) for name in FIELDS}
    own = _own_setting(dataset)
    settings = [
        Setting(*(values[lane].strip() if lane < len(values) else "" for values in listed.values()))
        for lane in range(LANES)
    ]
    return [
        Setting(each.method if each.method in METHODS else "", each.top_k or own.top_k, each.threshold, each.weight)
        for each in settings
    ]


def _own_setting(dataset: Dataset) -> Setting:
    own = stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique)
    vector = own.weights.vector_setting if own.weights else None
    threshold = own.score_threshold if own.score_threshold_enabled else None
    return Setting(
        own.search_method, str(own.top_k), _field(threshold), _field(vector.vector_weight if vector else None)
    )


def _field(value: float | None) -> str:
    return "" if value is None else str(value)


def _weights(weight: str) -> float | None:
    """Return the weight of meaning, None where it is left to Zhiku; what is no number is told as one out of range."""
    try:
        return float(weight) if weight else None
    except ValueError:
        return -1.0


def _ask(visit: Visit, dataset: Dataset, question: str, setting: Setting, segment_id: str) -> Answer:
    curl = _curl(visit, dataset, question, setting)
    if dataset.provider == "external":
        return Answer(setting, curl, [], None, visit.language.text("lab.external"))
    try:
        request = RetrieveRequest(query=question, retrieval_model=parse(RetrievalModel, setting.model()))
        refuse_nul(request)
        explained = explain(visit.rt, dataset, request, segment_id or None)
    except ZhikuError as error:
        return Answer(setting, curl, [], None, visit.language.error(error.code, str(error)))
    return Answer(setting, curl, _shown(explained), explained.body, None)


def _shown(explained: Explained) -> list[Shown]:
    wanted = frozenset(word["word"] for word in explained.body["words"])
    best = {each["segment_id"]: each["contributions"] for each in reversed(explained.body["fused"])}
    shown: list[Shown] = []
    for record in explained.records:
        content = record.segment.content
        parts = _parts(content, find_words(content, wanted))
        shown.append(Shown(record, parts, best.get(record.segment.id, {})))
    return shown


def _tell(language: Language, reason: ReasonBody) -> str:
    """Return a reason in the visitor's language."""
    figures = {name: f"{each:.3f}" if isinstance(each, float) else each for name, each in reason["params"].items()}
    return language.text(f"reason.{reason['code']}", **figures)


def _parts(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[bool, str]]:
    """Return the text cut at its highlights: whether each part is one, and the part."""
    bounds = [0, *(bound for span in spans for bound in span), len(text)]
    cut = [(place % 2 == 1, text[start:end]) for place, (start, end) in enumerate(pairwise(bounds))]
    return [(is_marked, part) for is_marked, part in cut if part]


def _curl(visit: Visit, dataset: Dataset, question: str, setting: Setting) -> str:
    """Return the same question as a call to paste."""
    model = {name: _number(value) for name, value in setting.model().items() if value is not None}
    body = json.dumps({"query": question, "retrieval_model": model}, ensure_ascii=False)
    return (
        f"curl -s {read_public_url(visit.request)}/v1/datasets/{dataset.id}/retrieve \\\n"
        "  -H 'Authorization: Bearer YOUR-KEY' -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def _number(value: Any) -> Any:
    """Return a field's text as the number that it is, and anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return int(value) if value.isdecimal() else float(value)
    except ValueError:
        return value

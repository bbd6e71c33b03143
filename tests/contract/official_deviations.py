"""Where replies differ from the official specification because the contract decides so."""

from httpx2 import Response

from tests.contract.official_calls import BY_TEXT, DATASET, DOCUMENT, DOCUMENTS, MODELS, SEGMENT, SEGMENTS, TAGS
from tests.contract.official_spec import error_samples, errors_of, missing_fields, success_of

# Operation and field, and the decision of the contract. A row nobody needs fails.
DEVIATIONS = {
    ("POST /datasets", "$.data_source_type"): "3.1: null until a first document",
    ("POST /datasets", "$.indexing_technique"): "3.1: null until known",
    ("POST /datasets", "$.doc_form"): "D19",
    ("POST /datasets", "$.embedding_model"): "3.1: null unless high_quality",
    ("POST /datasets", "$.embedding_model_provider"): "3.1: null unless high_quality",
    ("POST /datasets", "$.retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    ("POST /datasets", "lacks $.partial_member_list"): "D28",
    ("GET /datasets", "$.data[].data_source_type"): "3.1: null until a first document",
    ("GET /datasets", "$.data[].indexing_technique"): "3.1: null until known",
    ("GET /datasets", "$.data[].doc_form"): "D19",
    ("GET /datasets", "$.data[].embedding_model"): "3.1: null unless high_quality",
    ("GET /datasets", "$.data[].embedding_model_provider"): "3.1: null unless high_quality",
    ("GET /datasets", "$.data[].retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    ("GET /datasets", "lacks $.data[].partial_member_list"): "D28",
    (f"GET {DATASET}", "$.retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    (f"GET {DATASET}", "lacks $.partial_member_list"): "D28",
    (f"PATCH {DATASET}", "$.retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    (f"GET {DOCUMENTS}", "$.data[].doc_metadata[].value"): "3.1: of the type that was sent; times are numbers",
    (f"GET {DOCUMENT}", "$.doc_metadata[].value"): "3.1",
    (f"POST {BY_TEXT}", "$.document.doc_metadata[].value"): "3.1",
    (f"POST {DOCUMENT}/update-by-text", "$.document.doc_metadata[].value"): "3.1",
    (f"POST {DOCUMENT}/update-by-file", "$.document.doc_metadata[].value"): "3.1",
    (f"PATCH {DOCUMENT}", "$.document.doc_metadata[].value"): "3.1",
    (f"POST {SEGMENTS}", "$.data[].answer"): "3.1, D73: null outside Q&A, as the seeds show",
    (f"GET {SEGMENTS}", "$.data[].answer"): "3.1, D73",
    (f"GET {SEGMENT}", "$.data.answer"): "3.1, D73",
    (f"POST {SEGMENT}", "$.data.answer"): "3.1, D73",
    (f"POST {DATASET}/retrieve", "$.records[].segment.answer"): "5.5: null outside Q&A, as the seeds show",
    (f"POST {TAGS}", "$.binding_count"): "D90",
    (f"PATCH {TAGS}", "$.binding_count"): "D90",
    (f"DELETE {TAGS}", "status"): "D89",
    (f"POST {TAGS}/binding", "status"): "D89",
    (f"POST {TAGS}/unbinding", "status"): "D89",
    (f"GET {MODELS}", "$.data[].icon_small_dark"): "8: an object or null",
}


def deviations_of(operation: str, reply: Response, expected: int | None = None) -> dict[tuple[str, str], str]:
    """Return each place where a reply breaks the specification, and why.

    `expected` is the status of an error that the call is meant to meet; its body must be an official sample.
    """
    if expected is not None:
        return _error_deviations(operation, reply, expected)
    status, contents = success_of(operation)
    found: dict[tuple[str, str], str] = {}
    if reply.status_code != status:
        found[operation, "status"] = f"{reply.status_code} for {status}: {reply.text[:200]}"
    kind = reply.headers.get("content-type")
    if reply.status_code == status and kind not in (contents or [None]):
        found[operation, "content type"] = f"{kind}"
    if reply.status_code == status and kind == "application/json":
        schema, body = contents[kind]["schema"], reply.json()
        for place, reason in errors_of(body, schema):
            found.setdefault((operation, place), reason)
        for place in missing_fields(body, schema):
            found.setdefault((operation, f"lacks {place}"), "is missing")
    return found


def _error_deviations(operation: str, reply: Response, expected: int) -> dict[tuple[str, str], str]:
    if reply.status_code != expected:
        return {(operation, "status"): f"{reply.status_code} for {expected}: {reply.text[:200]}"}
    samples = [sample for (status, _), sample in error_samples(operation).items() if status == expected]
    return {} if reply.json() in samples else {(operation, "error"): reply.text[:200]}

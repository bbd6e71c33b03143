"""Every error sample of the specification: provoked and held against it word for word, or excused by the contract."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import update

from tests.contract.calls import UNKNOWN, got
from tests.contract.official_calls import (
    BY_TEXT,
    CHANGED,
    DATASET,
    DOCUMENT,
    DOCUMENTS,
    FIELD,
    FIELDS,
    MADE,
    SCENES,
    SEGMENTS,
    TAGS,
    Call,
    Caller,
)
from tests.contract.official_spec import error_samples, list_operations
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import datasets

SWITCHED_OFF = "Dataset api access is not enabled."
RATE_LIMITED = "Sorry, you have reached the knowledge base request rate limit of your subscription."
NO_MODEL = "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider."
FILE_BYTES = 1000

# Messages that many operations share: the id in the path that is unknown then.
UNKNOWN_IDS = {
    "Dataset not found.": "dataset_id",
    "Document not found.": "document_id",
    "Document Not Exists.": "document_id",
    "Segment not found.": "segment_id",
    "Child chunk not found.": "child_chunk_id",
}
NEW = {"name": "new", "text": "new"}
UNKNOWN_MODEL = {"indexing_technique": "high_quality", "embedding_model": "unknown"}
IN_BARE = {"dataset_id": "{bare_id}"}
IN_DISABLED = {"document_id": "{disabled_id}"}
UNKNOWN_DOCUMENT = {"document_id": UNKNOWN, "metadata_list": []}

# The calls that meet other samples, by operation and message.
PROVOKED = {
    ("POST /datasets", NO_MODEL): Call("POST /datasets", {"name": "new", **UNKNOWN_MODEL}),
    (f"PATCH {DATASET}", NO_MODEL): Call(f"PATCH {DATASET}", UNKNOWN_MODEL),
    ("POST /datasets", "The dataset name already exists. Please modify your dataset name."): Call(
        "POST /datasets", {"name": "Full"}
    ),
    (f"POST {BY_TEXT}", "indexing_technique is required."): Call(f"POST {BY_TEXT}", NEW, place=IN_BARE),
    (f"DELETE {DOCUMENT}", "The archived document is not editable."): Call(
        f"DELETE {DOCUMENT}", place={"document_id": "{archived_id}"}
    ),
    (f"POST {DOCUMENT}/update-by-text", "Document is not available"): Call(
        f"POST {DOCUMENT}/update-by-text", NEW, place=IN_DISABLED
    ),
    (f"POST {DOCUMENT}/update-by-file", "Document is not available"): Call(
        f"POST {DOCUMENT}/update-by-file", {}, b"new", place=IN_DISABLED
    ),
    (f"PATCH {DOCUMENT}", "Document is not available"): Call(f"PATCH {DOCUMENT}", {}, b"new", place=IN_DISABLED),
    (f"GET {DOCUMENTS}/{{batch}}/indexing-status", "Documents not found."): Call(
        f"GET {DOCUMENTS}/{{batch}}/indexing-status", place={"batch": "none"}
    ),
    (f"POST {DOCUMENTS}/download-zip", "Document not found."): Call(
        f"POST {DOCUMENTS}/download-zip", {"document_ids": [UNKNOWN]}
    ),
    (f"POST {SEGMENTS}", "Exceeded maximum segments limit of 1000."): Call(
        f"POST {SEGMENTS}", {"segments": [{"content": "a"}] * 1001}
    ),
    (f"POST {SEGMENTS}", "Document is not completed."): Call(
        f"POST {SEGMENTS}", {"segments": [{"content": "a"}]}, place={"document_id": "{waiting_id}"}
    ),
    (f"POST {SEGMENTS}", "Document is disabled."): Call(
        f"POST {SEGMENTS}", {"segments": [{"content": "a"}]}, place=IN_DISABLED
    ),
    (f"POST {TAGS}", "Tag name already exists"): Call(f"POST {TAGS}", {"name": "two"}),
    (f"PATCH {TAGS}", "Tag name already exists"): Call(f"PATCH {TAGS}", {"tag_id": "{other_tag_id}", "name": "two"}),
    (f"PATCH {TAGS}", "Tag not found"): Call(f"PATCH {TAGS}", {"tag_id": UNKNOWN, "name": "new"}),
    (f"DELETE {TAGS}", "Tag not found"): Call(f"DELETE {TAGS}", {"tag_id": UNKNOWN}),
    (f"POST {TAGS}/binding", "Dataset not found"): Call(
        f"POST {TAGS}/binding", {"tag_ids": ["{tag_id}"], "target_id": UNKNOWN}
    ),
    (f"POST {TAGS}/unbinding", "Dataset not found"): Call(
        f"POST {TAGS}/unbinding", {"tag_ids": ["{tag_id}"], "target_id": UNKNOWN}
    ),
    (f"POST {FIELDS}", "Metadata name already exists."): Call(f"POST {FIELDS}", {"type": "string", "name": "writer"}),
    (f"PATCH {FIELD}", "Metadata name already exists."): Call(
        f"PATCH {FIELD}", {"name": "writer"}, place={"metadata_id": "{other_field_id}"}
    ),
    (f"POST {DOCUMENTS}/metadata", "Document not found."): Call(
        f"POST {DOCUMENTS}/metadata", {"operation_data": [UNKNOWN_DOCUMENT]}
    ),
    **{(call.operation, "Pipeline not found"): call for scene in SCENES for call in scene if call.status is not None},
}
# Messages of every upload, and the parts that meet them.
UPLOADS: dict[str, list[tuple[str, tuple[str | None, bytes]]]] = {
    "Please upload your file.": [("data", (None, b"{}"))],
    "Only one file is allowed.": [("file", ("a.md", b"a")), ("file", ("b.md", b"b"))],
    "File size exceeded.": [("file", ("a.md", b"a" * (FILE_BYTES + 1)))],
    "File type not allowed.": [("file", ("a.exe", b"a"))],
}
# Samples that the contract gives another text, or that nothing can provoke, by message and by operation where needed.
EXCUSED = {
    "The capacity of the vector space has reached the limit of your subscription.": "2.2: no quotas",
    "The number of documents has reached the limit of your subscription.": "2.2: no quotas",
    "To unlock this feature and elevate your Dify experience, please upgrade to a paid plan.": "2.2: no quotas",
    "No valid model provider credentials found. Please go to Settings -> Model Provider to complete your provider "
    "credentials.": "2.2: one of two texts; the other one says what is missing",
    "Vector store operation failed: [Errno 111] Connection refused": "3.5: the store's own message",
    "External datasets are not supported.": "10.2: tests/contract/test_document_updates.py",
    "Segment is indexing, please try again later": "3.4: tests/contract/test_late_embedding.py",
    "Segment is deleting.": "3.4: a delete is one transaction; the second one meets a 404",
    "name is required when text is provided.": "D47",
    "Invalid action.": "3.3-17: the text names the action",
    "Invalid metadata value: only": "3.3-9: the text names the value, and this one is allowed",
    "Invalid parameter value.": "2.2: the text names the field",
    "No permission.": "2.1: tests of keys",
    "You do not have permission to access this dataset.": "2.1: tests of keys",
    "Document does not have an uploaded file to download.": "3.3-12: tests/contract/test_downloads.py",
    "Uploaded file not found.": "3.3-12: a file goes with its document only",
    "Only uploaded-file documents can be downloaded as ZIP.": "3.3-16: tests/contract/test_downloads.py",
    "The specified filename does not exist.": "3.3-7: tests/contract/test_create_by_file.py",
    "The dataset is still being initialized or indexing. Please wait a moment.": "2.2: index unusable; a rebuild",
    "Your quota for Dify Hosted Model Provider has been exhausted. Please go to Settings -> Model Provider to complete "
    "your own provider credentials.": "3.7: reserved",
    "Dify Hosted OpenAI trial currently not support the GPT-4 model.": "3.7: reserved",
    "Completion request failed.": "2.2: the text names the provider",
    "An internal error occurred.": "2.2: unexpected",
    "Pipeline execution failed: connection timeout": "9: the text of the failure",
    NO_MODEL: "3.4, 3.5: segments are read and deleted without a model",
    None: "D3: always the envelope",
}


@dataclass
class Stage:
    """A product with one of everything, and another one on the same catalog whose requests are used up."""

    caller: Caller
    limited: Caller


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("product")
    copyfile(sqlite_template, folder / "catalog.sqlite3")
    database = Database(f"sqlite:///{folder / 'catalog.sqlite3'}")
    with (
        open_product(folder / "data", database, segments_per_request=1000, upload_file_bytes=FILE_BYTES) as product,
        open_product(folder / "limited", database, rate_limit_per_minute=1) as limited,
    ):
        caller = Caller(product)
        _set_up(caller)
        used_up = Caller(limited, caller.ids)
        got(used_up.send(Call(f"POST {DATASET}/retrieve", {"query": "a"})))
        yield Stage(caller, used_up)
    database.close()


def _set_up(caller: Caller) -> None:
    product = caller.product
    for scene in (MADE, CHANGED):
        for call in scene:
            caller.send(call)
        product.settle()
    dataset_id = caller.ids["dataset_id"]
    for state, action in (("disabled", "disable"), ("archived", "archive")):
        made = product.add_text(dataset_id, state, state)["document"]["id"]
        product.settle()
        caller.ids[f"{state}_id"] = made
        status = f"/v1/datasets/{dataset_id}/documents/status/{action}"
        got(product.api.patch(status, json={"document_ids": [made]}))
    caller.ids["waiting_id"] = product.add_text(dataset_id, "waiting", "waiting")["document"]["id"]
    caller.send(Call(f"POST {TAGS}", {"name": "other"}, keeps={"other_tag_id": "id"}))
    caller.send(Call(f"POST {FIELDS}", {"type": "string", "name": "other"}, keeps={"other_field_id": "id"}))


def samples() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield operation, status and body of every error sample."""
    for operation in list_operations():
        for (status, _), body in error_samples(operation).items():
            yield operation, status, body


def first_call(operation: str) -> Call:
    """Return a call that the operation answers well."""
    return next(call for scene in SCENES for call in scene if call.operation == operation)


def provoke(stage: Stage, operation: str, message: str) -> Response | None:
    """Return the reply to a call that should meet a message; None if no call is known."""
    caller, call = stage.caller, first_call(operation)
    if (operation, message) in PROVOKED:
        return caller.send(PROVOKED[operation, message])
    if message in UPLOADS:
        method, path = operation.split(" ")
        return caller.product.api.request(method, caller.fill(f"/v1{path}"), files=UPLOADS[message])
    if message in UNKNOWN_IDS:
        return caller.send(replace(call, place={**call.place, UNKNOWN_IDS[message]: UNKNOWN}))
    if message == RATE_LIMITED:
        return stage.limited.send(call)
    if message == SWITCHED_OFF:
        _switch(caller.product, is_on=False)
        try:
            return caller.send(call)
        finally:
            _switch(caller.product, is_on=True)
    return None


def _switch(product: Product, is_on: bool) -> None:
    with product.rt.db.begin() as tx:
        tx.execute(update(datasets).values(is_api_enabled=is_on))


def test_every_error_sample_that_can_be_provoked_is_given_word_for_word(stage: Stage) -> None:
    wrong: dict[tuple[str, str | None], str] = {}
    for operation, status, sample in samples():
        message = sample.get("message")
        reply = provoke(stage, operation, message) if message else None
        if reply is None:
            continue
        told = {name: value for name, value in reply.json().items() if name != "params"}
        if (reply.status_code, told) != (status, sample):
            wrong[operation, message] = reply.text[:200]
    assert wrong == {}


def test_every_error_sample_is_provoked_or_excused(stage: Stage) -> None:
    left = {
        sample.get("message")
        for operation, _, sample in samples()
        if (sample.get("message") is None or provoke(stage, operation, sample["message"]) is None)
    }
    assert left == set(EXCUSED)

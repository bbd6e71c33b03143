"""One request or more to every official operation, with all its documented fields and real ids."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response

from tests.product import Product

DATASET = "/datasets/{dataset_id}"
BY_TEXT, BY_FILE = f"{DATASET}/document/create-by-text", f"{DATASET}/document/create-by-file"
DOCUMENTS = f"{DATASET}/documents"
DOCUMENT = f"{DOCUMENTS}/{{document_id}}"
SEGMENTS = f"{DOCUMENT}/segments"
SEGMENT = f"{SEGMENTS}/{{segment_id}}"
CHILDREN = f"{SEGMENT}/child_chunks"
CHILD = f"{CHILDREN}/{{child_chunk_id}}"
FIELDS = f"{DATASET}/metadata"
FIELD = f"{FIELDS}/{{metadata_id}}"
TAGS = "/datasets/tags"
MODELS = "/workspaces/current/models/model-types/{model_type}"
PIPELINE = f"{DATASET}/pipeline"
NODE_RUN = f"{PIPELINE}/datasource/nodes/{{node_id}}/run"


@dataclass(frozen=True)
class Call:
    """A request; braces anywhere in it stand for ids that earlier calls kept."""

    operation: str
    body: Any = None
    file: bytes | None = None
    query: str = ""
    # What stands in the path in place of the kept id of that name.
    place: Mapping[str, str] = field(default_factory=dict[str, str])
    # Name of an id to the place in the reply where it stands.
    keeps: Mapping[str, str] = field(default_factory=dict[str, str])
    # Set where the contract answers other than with the specification's only success.
    status: int | None = None

    @property
    def path(self) -> str:
        """The path, with braces."""
        return self.operation.split(" ")[1]


@dataclass
class Caller:
    """Sends calls to a product and keeps the ids that they make; JSON goes as `content_type`, as `encode` writes it."""

    product: Product
    ids: dict[str, str] = field(default_factory=dict[str, str])
    content_type: str = "application/json"
    encode: Callable[[str], bytes] = str.encode
    # What becomes of the path with its query.
    respell: Callable[[str], str] = str

    def send(self, call: Call) -> Response:
        """Return the reply to a call."""
        method, path = call.operation.split(" ")
        for name, value in call.place.items():
            path = path.replace(f"{{{name}}}", value)
        url = self.respell(self.fill(f"/v1{path}{call.query}"))
        body = self.fill(json.dumps(call.body))
        if call.file is None and call.operation not in MULTIPART:
            headers = {"content-type": self.content_type}
            content = None if call.body is None else self.encode(body)
            reply = self.product.api.request(method, url, content=content, headers=headers)
        else:
            files = {} if call.file is None else {"file": (file_name(call), call.file)}
            data = {} if call.body is None else {"data": body}
            reply = self.product.api.request(method, url, data=data, files=files)
        if reply.is_success:
            self.ids |= {name: found_in(reply.json(), place) for name, place in call.keeps.items()}
        return reply

    def fill(self, text: str) -> str:
        """Return the text with kept ids in place of their names in braces."""
        for name, value in self.ids.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def file_name(call: Call) -> str:
    """Return what a call's file is called, so that no two of one dataset replace each other."""
    return f"file {len(call.file or b'')}.md"


def found_in(reply: Any, place: str) -> str:
    """Return what stands at a place such as `data.0.id`."""
    for step in place.split("."):
        reply = reply[int(step)] if step.isdigit() else reply[step]
    return reply


RETRIEVAL_MODEL = {
    "search_method": "hybrid_search",
    "reranking_enable": False,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "reranking_mode": "weighted_score",
    "top_k": 3,
    "score_threshold_enabled": False,
    "score_threshold": None,
    "weights": {
        "weight_type": "customized",
        "vector_setting": {
            "vector_weight": 0.6,
            "embedding_provider_name": "test",
            "embedding_model_name": "words",
        },
        "keyword_setting": {"keyword_weight": 0.4},
    },
    "metadata_filtering_conditions": {
        "logical_operator": "and",
        "conditions": [{"name": "document_name", "comparison_operator": "not empty", "value": ""}],
    },
}
EXTERNAL_MODEL = {"top_k": 2, "score_threshold": 0.0, "score_threshold_enabled": False}
MODEL = {"embedding_model": "words", "embedding_model_provider": "test"}
RULE = {
    "mode": "custom",
    "rules": {
        "pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": True}],
        "segmentation": {"separator": "\n", "max_tokens": 100, "chunk_overlap": 0},
    },
}
FILE_RULES = {"doc_form": "text_model", "doc_language": "English", "process_rule": {"mode": "automatic"}}
TEXT = {
    "name": "text",
    "text": "alpha\nbeta",
    "indexing_technique": "high_quality",
    "doc_form": "text_model",
    "doc_language": "English",
    "process_rule": RULE,
    "retrieval_model": RETRIEVAL_MODEL,
    **MODEL,
}
NEW_TEXT = {
    name: TEXT[name] for name in ("name", "text", "process_rule", "doc_form", "doc_language", "retrieval_model")
}
PARENTS = {
    **TEXT,
    "text": "alpha beta",
    "doc_form": "hierarchical_model",
    "process_rule": {"mode": "hierarchical", "rules": RULE["rules"]},
}
RUN = {
    "inputs": {},
    "datasource_type": "local_file",
    "datasource_info_list": [{"reference": "{upload_id}", "name": "file.md"}],
    "start_node_id": "1719288585006",
    "is_published": True,
    "response_mode": "blocking",
}

MADE = [
    Call("POST /datasets", {"name": "Bare"}, keeps={"bare_id": "id"}),
    Call(
        "POST /datasets",
        {
            "name": "Full",
            "description": "All fields",
            "indexing_technique": "high_quality",
            "permission": "only_me",
            "provider": "vendor",
            **MODEL,
            "retrieval_model": RETRIEVAL_MODEL,
            "external_knowledge_api_id": "",
            "external_knowledge_id": "",
            "summary_index_setting": {
                "enable": False,
                "model_name": "",
                "model_provider_name": "",
                "summary_prompt": "",
            },
        },
        keeps={"dataset_id": "id", "owner_id": "created_by"},
    ),
    Call("POST /datasets", {"name": "Parents"}, keeps={"parents_id": "id"}),
    Call(f"POST {BY_TEXT}", TEXT, keeps={"document_id": "document.id", "batch": "batch"}),
    Call(f"POST {BY_FILE}", {"indexing_technique": "high_quality", **FILE_RULES}, b"# gamma"),
    Call(f"POST {BY_FILE}", {"process_rule": RULE}, b""),
    Call(f"POST {BY_TEXT}", PARENTS, place={"dataset_id": "{parents_id}"}, keeps={"parent_document_id": "document.id"}),
    Call(f"GET {DOCUMENTS}", query="?page=1&limit=20&keyword=text&status=queuing"),
    Call(f"GET {DOCUMENTS}/{{batch}}/indexing-status"),
]
IN_PARENT = {"dataset_id": "{parents_id}", "document_id": "{parent_document_id}", "segment_id": "{parent_id}"}
CHANGED = [
    Call(
        f"POST {SEGMENTS}", {"segments": [{"content": "delta", "answer": "", "keywords": ["d"], "attachment_ids": []}]}
    ),
    Call(f"GET {SEGMENTS}", query="?page=1&limit=20&status=completed&keyword=alpha", keeps={"segment_id": "data.0.id"}),
    Call(f"GET {SEGMENT}"),
    Call(
        f"POST {SEGMENT}",
        {
            "segment": {
                "content": "alpha one",
                "answer": "",
                "keywords": ["a"],
                "enabled": True,
                "regenerate_child_chunks": False,
                "attachment_ids": [],
                "summary": "",
            }
        },
    ),
    Call(f"GET {SEGMENTS}", place=IN_PARENT, keeps={"parent_id": "data.0.id"}),
    Call(f"GET {SEGMENT}", place=IN_PARENT),
    Call(f"POST {CHILDREN}", {"content": "epsilon"}, place=IN_PARENT, keeps={"child_chunk_id": "data.id"}),
    Call(f"GET {CHILDREN}", query="?page=1&limit=20&keyword=eps", place=IN_PARENT),
    Call(f"PATCH {CHILD}", {"content": "epsilon two"}, place=IN_PARENT),
    Call(f"POST {FIELDS}", {"type": "string", "name": "author"}, keeps={"metadata_id": "id"}),
    Call(f"PATCH {FIELD}", {"name": "writer"}),
    Call(f"POST {FIELDS}/built-in/{{action}}", place={"action": "enable"}),
    Call(
        f"POST {DOCUMENTS}/metadata",
        {
            "operation_data": [
                {
                    "document_id": "{document_id}",
                    "metadata_list": [{"id": "{metadata_id}", "name": "writer", "value": "Ann"}],
                    "partial_update": True,
                }
            ]
        },
    ),
    Call(f"GET {FIELDS}"),
    Call(f"GET {FIELDS}/built-in"),
    Call(f"POST {TAGS}", {"name": "one"}, keeps={"tag_id": "id"}),
    Call(f"PATCH {TAGS}", {"tag_id": "{tag_id}", "name": "two"}),
    Call(f"POST {TAGS}/binding", {"tag_ids": ["{tag_id}"], "target_id": "{dataset_id}"}),
    Call(f"GET {TAGS}"),
    Call(f"GET {DATASET}/tags"),
]
READ = [
    Call(
        f"POST {DATASET}/retrieve",
        {
            "query": "alpha",
            "retrieval_model": RETRIEVAL_MODEL,
            "attachment_ids": [],
            "external_retrieval_model": EXTERNAL_MODEL,
        },
    ),
    Call(f"POST {DATASET}/retrieve", {"query": "epsilon"}, place={"dataset_id": "{parents_id}"}),
    Call("GET /datasets", query="?page=1&limit=20&keyword=&include_all=true"),
    Call("GET /datasets", query="?keyword=full&tag_ids={tag_id}"),
    Call(f"GET {DATASET}"),
    Call(
        f"PATCH {DATASET}",
        {
            "name": "Full",
            "description": "All fields",
            "indexing_technique": "high_quality",
            "permission": "partial_members",
            **MODEL,
            "retrieval_model": RETRIEVAL_MODEL,
            "partial_member_list": [{"user_id": "{owner_id}"}],
            "external_retrieval_model": EXTERNAL_MODEL,
            "external_knowledge_id": "",
            "external_knowledge_api_id": "",
        },
    ),
    Call(f"GET {DATASET}"),
    Call(f"GET {DOCUMENTS}", query="?page=1&limit=20"),
    Call(f"GET {DOCUMENT}", query="?metadata=all"),
    Call(f"GET {DOCUMENT}/download"),
    Call(f"POST {DOCUMENTS}/download-zip", {"document_ids": ["{document_id}"]}),
    Call(f"GET {DOCUMENTS}/{{batch}}/indexing-status"),
    *(Call(f"GET {MODELS}", place={"model_type": kind}) for kind in ("text-embedding", "rerank", "llm")),
    Call("POST /datasets/pipeline/file-upload", file=b"# upload", keeps={"upload_id": "id"}),
    Call(f"GET {PIPELINE}/datasource-plugins", query="?is_published=true", status=400),
    Call(
        f"POST {NODE_RUN}",
        {"inputs": {}, "datasource_type": "local_file", "credential_id": None, "is_published": True},
        place={"node_id": "1719288585006"},
        status=400,
    ),
    Call(f"POST {PIPELINE}/run", RUN, status=400),
]
UPDATED = [
    Call(f"POST {BY_TEXT}", {**TEXT, "original_document_id": "{document_id}"}),
    Call(f"POST {DOCUMENT}/update-by-text", NEW_TEXT),
    Call(f"POST {DOCUMENT}/update-by-file", FILE_RULES, b"# zeta"),
    Call(f"PATCH {DOCUMENT}", FILE_RULES, b"# eta eta"),
]
SWITCHED = [
    Call(f"PATCH {DOCUMENTS}/status/{{action}}", {"document_ids": ["{document_id}"]}, place={"action": action})
    for action in ("disable", "enable", "archive", "un_archive")
]
REMOVED = [
    Call(f"GET {SEGMENTS}", keeps={"segment_id": "data.0.id"}),
    Call(f"DELETE {CHILD}", place=IN_PARENT),
    Call(f"DELETE {SEGMENT}"),
    Call(f"DELETE {DOCUMENT}"),
    Call(f"DELETE {FIELD}"),
    Call(f"POST {TAGS}/unbinding", {"tag_ids": ["{tag_id}"], "tag_id": "{tag_id}", "target_id": "{dataset_id}"}),
    Call(f"DELETE {TAGS}", {"tag_id": "{tag_id}"}),
    Call(f"DELETE {DATASET}"),
]
# After each scene the work that it has begun is done.
SCENES: Sequence[Sequence[Call]] = (
    MADE,
    CHANGED,
    READ,
    *([call] for call in UPDATED),
    SWITCHED,
    REMOVED,
)
MULTIPART = {
    f"POST {BY_FILE}",
    f"PATCH {DOCUMENT}",
    f"POST {DOCUMENT}/update-by-file",
    "POST /datasets/pipeline/file-upload",
}

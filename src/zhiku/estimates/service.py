"""What a rule would make of a text or a file for a dataset; nothing is stored."""

from zhiku.datasets.store import Dataset
from zhiku.documents.decision import CutDecision, decide_cut
from zhiku.documents.file_types import split_name
from zhiku.documents.rules import rule_from_json
from zhiku.documents.schemas import ContentSettings
from zhiku.errors import DocumentUnreadable, InvalidParam, Unavailable
from zhiku.estimates.schemas import EstimateDocument
from zhiku.http.paging import Page
from zhiku.http.upload import UploadedFile
from zhiku.ingestion.estimate import Estimate, Wish, make_estimate
from zhiku.ingestion.extract.sandbox import SandboxError, limits_of
from zhiku.runtime import Runtime


def estimate_document(
    rt: Runtime, dataset: Dataset, request: EstimateDocument, file: UploadedFile | None, page: Page
) -> tuple[Estimate, CutDecision]:
    """Return what the text or, if there is one, the file would become, and the form and rule it was cut by.

    Raises InvalidParam, for a file that cannot be read too, and Unavailable.
    """
    settings = ContentSettings(doc_form=request.doc_form, process_rule=request.process_rule)
    with rt.db.read() as conn:
        decision = decide_cut(rt, conn, dataset, settings)
    if file is not None:
        content, extension = file.path.read_bytes(), split_name(file.name)[1].lower()
    elif request.text is not None:
        content, extension = request.text.encode(), None
    else:
        raise InvalidParam("text: send a text or a file", params="text")
    rule = rule_from_json(decision.rule.mode, decision.rule.rules_json)
    # What lies behind any segment there can be is an empty page; the child counts with smaller numbers.
    wish = Wish(content, extension, rule, decision.doc_form, min(page.offset, 1 << 40), page.limit)
    try:
        return make_estimate(limits_of(rt.settings), wish), decision
    except DocumentUnreadable as error:
        field = "text" if file is None else "file"
        raise InvalidParam(f"{field}: {error}", params=field) from error
    except SandboxError as error:
        raise Unavailable from error

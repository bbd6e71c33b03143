"""Pages of how documents are cut: the segments that a rule would make of a file, and cutting all of them anew."""

from starlette.responses import Response

from zhiku.console.pages import HOME, Pages, Visit
from zhiku.console.rule_form import list_modes, read_rule, shown_rule
from zhiku.datasets.service import get_dataset
from zhiku.documents.file_types import check_filename
from zhiku.documents.recuts import cancel_recut, start_recut
from zhiku.documents.schemas import RecutDocuments
from zhiku.errors import InvalidParam, ZhikuError
from zhiku.estimates.schemas import EstimateDocument
from zhiku.estimates.service import estimate_document
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse

pages = Pages()

PREVIEW = "/datasets/{dataset_id:id}/documents/preview"
SHOWN = Page(limit=50)


@pages.get(PREVIEW)
async def show_preview(visit: Visit) -> Response:
    """Show the form of a file and its rule, to look at the segments before the upload."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    rule = await in_thread(shown_rule, visit.rt, dataset)
    return visit.render("preview.html", dataset=dataset, rule=rule, modes=list_modes(dataset))


@pages.post(PREVIEW, is_upload=True)
async def preview_file(visit: Visit) -> Response:
    """Show the first segments that the rule makes of the file: in the form's page by a script, else on their own."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    template = "preview_segments.html" if visit.is_fragment else "preview_result.html"
    try:
        async with visit.upload() as upload:
            file = upload.one_file()
            check_filename(file.name.replace("\\", "/").rpartition("/")[2])
            file.check_size()
            request = parse(EstimateDocument, {"process_rule": read_rule(upload.fields)})
            made, decision = await in_thread(estimate_document, visit.rt, dataset, request, file, SHOWN)
    except ZhikuError as error:
        # A script puts only what succeeded into the page.
        status = 200 if visit.is_fragment else error.status
        problem = visit.language.error(error.code, str(error))
        return visit.render(template, status, dataset=dataset, made=None, problem=problem)
    return visit.render(template, dataset=dataset, made=made, decision=decision, problem=None)


@pages.post("/datasets/{dataset_id:id}/recut")
async def recut_documents(visit: Visit) -> Response:
    """Begin to cut all documents by the form's rule, or end that."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    action = visit.form.get("action", "")
    if action == "cancel":
        await in_thread(cancel_recut, visit.rt, dataset.id)
    elif action == "start":
        request = parse(RecutDocuments, {"process_rule": read_rule(visit.form)})
        await in_thread(start_recut, visit.rt, visit.actor, dataset, request)
    else:
        raise InvalidParam(params="action")
    return visit.go(f"{HOME}/{dataset.id}/settings", f"recut.done.{action}")

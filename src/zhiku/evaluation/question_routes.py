"""Routes of question sets (contract 13)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.errors import FilenameMissing, FileTooLarge, Forbidden, InvalidParam, NoFileUploaded, NotFound, TooManyFiles
from zhiku.evaluation import questions
from zhiku.evaluation.replies import (
    QuestionPageBody,
    QuestionSetBody,
    QuestionSetPageBody,
    question_body,
    set_body,
)
from zhiku.evaluation.schemas import NAME_CHARS, CreateQuestionSet, ImportQuestionSet
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content, parse
from zhiku.http.upload import read_upload

router = Router()

SETS = "/datasets/{dataset_id:id}/question-sets"
ONE_SET = SETS + "/{set_id:id}"


@operation(
    router,
    "POST",
    SETS,
    body=CreateQuestionSet,
    reply=QuestionSetBody,
    errors=(NotFound, Forbidden, InvalidParam),
    gives={"set_id": "/id"},
)
async def create_question_set(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep) -> Response:
    """Create a set of questions with the documents and segments that answer them.

    An answer names a document by id or name, or a segment of it by id, position or text. A set never changes.
    """
    body = await read_body(request, CreateQuestionSet)
    return encode(set_body(await in_thread(questions.create_set, rt, actor, dataset, body)))


@operation(
    router,
    "POST",
    SETS + "/import",
    body=ImportQuestionSet,
    is_upload=True,
    reply=QuestionSetBody,
    errors=(NotFound, Forbidden, InvalidParam, NoFileUploaded, TooManyFiles, FilenameMissing, FileTooLarge),
    gives={"set_id": "/id"},
)
async def import_question_set(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep) -> Response:
    """Create a set of questions from a CSV file.

    The first row names the columns: `question`, `document` (id or name), and where wanted `segment` (its text or a
    part that no other has), `position`, `segment_id` and `grade`. Each further row is one answer; rows with the same
    question belong together.
    """
    async with read_upload(request) as upload:
        given = parse(ImportQuestionSet, upload.fields)
        file = upload.one_file()
        file.check_size()
        name = given.name or file.name.replace("\\", "/").rpartition("/")[2][:NAME_CHARS]
        content = await in_thread(file.path.read_bytes)
    return encode(set_body(await in_thread(questions.import_set, rt, actor, dataset, name, content)))


@operation(
    router,
    "GET",
    SETS,
    is_paged=True,
    reply=QuestionSetPageBody,
    errors=(NotFound, Forbidden, InvalidParam),
    gives={"set_id": "/data/0/id"},
)
async def list_question_sets(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """List a dataset's question sets, newest first."""
    page = read_page(request)
    found, total = await in_thread(questions.list_sets, rt, dataset.id, page)
    return encode(page_body([set_body(each) for each in found], total, page))


@operation(router, "GET", ONE_SET, reply=QuestionSetBody, errors=(NotFound, Forbidden))
async def get_question_set(rt: RuntimeDep, dataset: DatasetDep, set_id: str) -> Response:
    """Get a question set."""
    return encode(set_body(await in_thread(questions.get_set, rt, dataset.id, set_id)))


@operation(
    router,
    "GET",
    ONE_SET + "/questions",
    is_paged=True,
    reply=QuestionPageBody,
    errors=(NotFound, Forbidden, InvalidParam),
)
async def list_questions(request: Request, rt: RuntimeDep, dataset: DatasetDep, set_id: str) -> Response:
    """List the questions of a set with their answers."""
    page = read_page(request)
    found, total = await in_thread(questions.list_questions, rt, dataset.id, set_id, page)
    return encode(page_body([question_body(each) for each in found], total, page))


@operation(router, "DELETE", ONE_SET, status=204, errors=(NotFound, Forbidden))
async def delete_question_set(rt: RuntimeDep, dataset: DatasetDep, set_id: str) -> Response:
    """Delete a question set, with the evaluations that asked it."""
    await in_thread(questions.delete_set, rt, dataset.id, set_id)
    return no_content()

"""The route by which other programs mount a dataset; its refusals have a shape of their own (contract 10.1)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.access.actor import Actor
from zhiku.errors import BadRequest, FileTooLarge, Forbidden, InvalidParam, NotFound, Unauthorized
from zhiku.external import service
from zhiku.external.schemas import (
    ExternalAnswerBody,
    ExternalQuestion,
    ExternalRefusalBody,
    answer_body,
)
from zhiku.http.auth import NO_HEADER, WRONG_SCHEME, require_actor
from zhiku.http.operation import operation, read_body
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode
from zhiku.runtime import Runtime

router = Router()

NO_GOOD_HEADER, KEY_REFUSED, BAD_REQUEST, NO_DATASET = 1001, 1002, 1003, 2001


@operation(
    router,
    "POST",
    "/retrieval",
    body=ExternalQuestion,
    reply=ExternalAnswerBody,
    other_replies={400: ExternalRefusalBody, 403: ExternalRefusalBody, 404: ExternalRefusalBody},
    is_keyed=False,
    is_reading=True,
)
async def answer_other_program(request: Request, rt: RuntimeDep) -> Response:
    """Answer another program that mounted a dataset through the external knowledge API.

    The key stands in the header as everywhere. An empty `knowledge_id` tries the connection and finds nothing.
    """
    try:
        actor = await require_actor(request)
    except Unauthorized as error:
        is_malformed = str(error) in (NO_HEADER, WRONG_SCHEME)
        return _refuse(403, NO_GOOD_HEADER if is_malformed else KEY_REFUSED, str(error))
    try:
        question = await read_body(request, ExternalQuestion)
        return await in_thread(_answer, rt, actor, question)
    except (BadRequest, InvalidParam, FileTooLarge) as error:
        return _refuse(400, BAD_REQUEST, str(error))
    except Forbidden as error:
        return _refuse(403, KEY_REFUSED, str(error))
    except NotFound as error:
        return _refuse(404, NO_DATASET, str(error))


def _answer(rt: Runtime, actor: Actor, question: ExternalQuestion) -> Response:
    if not question.knowledge_id:
        return encode(ExternalAnswerBody(records=[]))
    dataset = service.find_named_dataset(rt, actor, question.knowledge_id)
    return encode(answer_body(dataset.id, service.answer_question(rt, dataset, question)))


def _refuse(status: int, code: int, message: str) -> Response:
    return encode(ExternalRefusalBody(error_code=code, error_msg=message), status)

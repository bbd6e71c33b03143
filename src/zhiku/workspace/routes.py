"""Routes of the workspace: the models that can be used, and their providers' pictures (contract 8)."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from zhiku.errors import InvalidParam, NotFound
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation
from zhiku.http.public_url import read_public_url
from zhiku.http.reply import Media
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep
from zhiku.http.schema import encode
from zhiku.workspace.schemas import ICONS, ProviderListBody, provider_list_body, read_model_type

router = Router()

# A drawing opened by itself is a page: it may do nothing but draw.
ICON_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@operation(
    router,
    "GET",
    "/workspaces/current/models/model-types/{model_type}",
    reply=ProviderListBody,
    errors=(InvalidParam,),
)
async def list_models(request: Request, rt: RuntimeDep, actor: ActorDep, model_type: str) -> Response:
    """List the models of a type that can be used, by provider.

    The types are `text-embedding`, `rerank`, `llm`, `tts`, `speech2text` and `moderation`.
    """
    wanted = read_model_type(model_type)
    served = {"text-embedding": rt.models.list_embeddings, "llm": rt.models.list_chats}
    names = served[wanted]() if wanted in served else []
    return encode(provider_list_body(names, wanted, read_public_url(request), rt.settings.segment_max_tokens))


@operation(
    router,
    "GET",
    "/model-providers/icons/{icon}",
    reply=Media("The picture.", ("image/svg+xml",), is_text=True),
    errors=(NotFound,),
    is_keyed=False,
)
async def get_icon(request: Request, icon: str) -> Response:
    """Give the picture of a provider of models, without a key."""
    if icon not in ICONS:
        raise NotFound
    content = files("zhiku.workspace").joinpath("static", icon).read_bytes()
    headers = {
        "Content-Type": "image/svg+xml",
        "Content-Security-Policy": ICON_POLICY,
        "Cache-Control": "public, max-age=86400",
    }
    return Response(content, headers=headers)

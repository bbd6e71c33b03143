"""Settings → Runtime: the only file that names implementations and job handlers."""

from collections.abc import Callable, Mapping
from functools import partial

from zhiku.blobs.local import LocalBlobs
from zhiku.clock import Clock, SystemClock
from zhiku.db.engine import Database
from zhiku.db.hits import HitCounts
from zhiku.db.key_uses import KeyUses
from zhiku.evaluation.run import Evaluating
from zhiku.indexes.base import Index
from zhiku.indexes.edge import EdgeIndex
from zhiku.ingestion.embed import SegmentEmbedding
from zhiku.ingestion.extract.sandbox import Sandbox, limits_of
from zhiku.ingestion.pipeline import Ingestion
from zhiku.ingestion.purge import BlobPurge, EmbeddingPurge, VersionPurge
from zhiku.ingestion.recut import Recutting
from zhiku.ingestion.reindex import KeywordExtraction, Reindexing
from zhiku.ingestion.summarize import Summarization
from zhiku.jobs.kinds import (
    EmbedSegments,
    EvaluateDataset,
    ExtractKeywords,
    IngestDocument,
    PurgeBlobs,
    PurgeEmbeddings,
    PurgePipelineUpload,
    PurgeVersions,
    RecutDataset,
    ReindexDataset,
    SummarizeDocument,
    get_kind,
)
from zhiku.jobs.worker import JobHandler
from zhiku.pipelines.purge import PipelineUploadPurge
from zhiku.providers.base import Chat, Embedder
from zhiku.providers.builtin import BuiltinEmbedder
from zhiku.providers.catalog import (
    BUILTIN_EMBEDDING,
    ModelCatalog,
    ModelName,
    find_remote_chat,
    find_remote_embedding,
    read_aliases,
)
from zhiku.runtime import Activity, Runtime, Wakeups
from zhiku.settings import Settings


def make_runtime(settings: Settings, wakeups: Wakeups, *, index: Index | None, clock: Clock | None = None) -> Runtime:
    """Return the runtime of a process; `index` is None in a process that does not own the index."""
    clock = clock or SystemClock()
    db = Database(settings.database)
    return Runtime(
        settings=settings,
        clock=clock,
        db=db,
        blobs=LocalBlobs(settings.blobs_dir),
        models=make_catalog(settings),
        index=index,
        wakeups=wakeups,
        activity=Activity(clock),
        hits=HitCounts(db),
        key_uses=KeyUses(db),
    )


def open_index(settings: Settings) -> EdgeIndex:
    """Return the index under the data dir; only one process may have it open."""
    return EdgeIndex(settings.index_dir)


def make_catalog(settings: Settings) -> ModelCatalog:
    """Return the models that the settings serve; the operator's endpoint is the default where there is one.

    Raises ProviderNotInitialize for settings that name half an endpoint or an alias of what is not served.
    """
    factories: dict[ModelName, Callable[[], Embedder]] = {
        BUILTIN_EMBEDDING: partial(BuiltinEmbedder, settings.models_dir)
    }
    remote = find_remote_embedding(settings)
    if remote is not None:
        factories[remote] = partial(_remote_embedder, settings)
    chat = find_remote_chat(settings)
    chats: dict[ModelName, Callable[[], Chat]] = {} if chat is None else {chat: partial(_remote_chat, settings)}
    aliases = read_aliases(settings, [*factories, *chats])
    return ModelCatalog(factories, default=remote or BUILTIN_EMBEDDING, aliases=aliases, chats=chats)


def make_sandbox(settings: Settings) -> Sandbox:
    """Return the place where a worker parses files."""
    return Sandbox(limits_of(settings))


def make_handlers(sandbox: Sandbox) -> Mapping[str, JobHandler[Runtime]]:
    """Return what runs each kind of job."""
    return {
        get_kind(IngestDocument): Ingestion(sandbox),
        get_kind(EmbedSegments): SegmentEmbedding(),
        get_kind(PurgeBlobs): BlobPurge(),
        get_kind(PurgeEmbeddings): EmbeddingPurge(),
        get_kind(PurgeVersions): VersionPurge(),
        get_kind(PurgePipelineUpload): PipelineUploadPurge(),
        get_kind(ReindexDataset): Reindexing(),
        get_kind(RecutDataset): Recutting(),
        get_kind(ExtractKeywords): KeywordExtraction(),
        get_kind(SummarizeDocument): Summarization(),
    }


def make_served_handlers() -> Mapping[str, JobHandler[Runtime]]:
    """Return what runs the kinds of job that need the index, in the process that owns it."""
    return {get_kind(EvaluateDataset): Evaluating()}


def prepare_builtin_model(settings: Settings) -> None:
    """Convert the built-in model if that is still to be done: seconds, in a child process.

    Raises ModelCallFailed.
    """
    BuiltinEmbedder(settings.models_dir).prepare()


def _remote_embedder(settings: Settings) -> Embedder:
    from zhiku.providers.openai import OpenAIEmbedder  # noqa: PLC0415  its HTTP client takes .2 s to import

    key = settings.embeddings_key.get_secret_value() if settings.embeddings_key else None
    return OpenAIEmbedder(settings.embeddings_url or "", settings.embeddings_model or "", key)


def _remote_chat(settings: Settings) -> Chat:
    from zhiku.providers.chat import OpenAIChat  # noqa: PLC0415  its HTTP client takes .2 s to import

    key = settings.chat_key.get_secret_value() if settings.chat_key else None
    return OpenAIChat(settings.chat_url or "", settings.chat_model or "", key)

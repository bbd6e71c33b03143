"""Every error a caller can meet: one tree, one table of codes (docs/errors.md)."""


class ZhikuError(Exception):
    """Something failed that nobody expected; what, is in the server's log.

    Base of all expected failures; `str(error)` is the message the caller reads.
    """

    status: int = 500
    code: str = "internal_server_error"
    message: str = "An internal error occurred."

    def __init__(self, message: str | None = None, *, params: str | None = None) -> None:
        super().__init__(message or self.message)
        self.params = params


class Unauthorized(ZhikuError):
    """No key, or one that is unknown, revoked or expired."""

    status, code, message = 401, "unauthorized", "Access token is invalid"


class Forbidden(ZhikuError):
    """The key is good but may not do this."""

    status, code, message = 403, "forbidden", "No permission."


class ArchivedDocumentImmutable(ZhikuError):
    """An archived document cannot be updated or deleted."""

    status, code, message = 403, "archived_document_immutable", "The archived document is not editable."


class NotFound(ZhikuError):
    """The thing named in the path or body does not exist for this key."""

    status, code = 404, "not_found"
    message = (
        "The requested URL was not found on the server. "
        "If you entered the URL manually please check your spelling and try again."
    )


class MethodNotAllowed(ZhikuError):
    """The path exists, the method does not."""

    status, code, message = 405, "method_not_allowed", "The method is not allowed for the requested URL."


class BadRequest(ZhikuError):
    """The body is not JSON."""

    status, code, message = 400, "bad_request", "Invalid JSON payload received or JSON payload is empty."


class InvalidParam(ZhikuError):
    """A field is missing, of the wrong type or out of range; the message names it."""

    status, code, message = 400, "invalid_param", "Invalid parameter."


class NoFileUploaded(ZhikuError):
    """An upload without a file part named `file`."""

    status, code, message = 400, "no_file_uploaded", "Please upload your file."


class TooManyFiles(ZhikuError):
    """An upload with more than one file."""

    status, code, message = 400, "too_many_files", "Only one file is allowed."


class FilenameMissing(ZhikuError):
    """An uploaded file without a name."""

    status, code, message = 400, "filename_not_exists_error", "The specified filename does not exist."


class FileTooLarge(ZhikuError):
    """A file or body over the limit in the settings."""

    status, code, message = 413, "file_too_large", "File size exceeded."


class UnsupportedFileType(ZhikuError):
    """No parser handles this type."""

    status, code, message = 415, "unsupported_file_type", "File type not allowed."


class DatasetNameDuplicate(ZhikuError):
    """Another dataset has this name."""

    status, code = 409, "dataset_name_duplicate"
    message = "The dataset name already exists. Please modify your dataset name."


class DatasetInUse(ZhikuError):
    """A retrieval app holds the dataset."""

    status, code = 409, "dataset_in_use"
    message = "The dataset is being used by some apps. Please remove the dataset from the apps before deleting it."


class ExternalConnectionInUse(ZhikuError):
    """External datasets are bound to the connection."""

    status, code = 409, "external_connection_in_use"
    message = "The connection is being used by some datasets. Please bind them to another one or delete them first."


class DocumentIndexing(ZhikuError):
    """The document is being worked on; retry when it is completed."""

    status, code = 400, "document_indexing"
    message = "The document is being processed and cannot be edited."


class InvalidMetadata(ZhikuError):
    """The `metadata` query parameter of a document's detail has an unknown value."""

    status, code = 400, "invalid_metadata"
    message = "The metadata content is incorrect. Please check and verify."


class InvalidAction(ZhikuError):
    """The action in the path is not one that can be taken."""

    status, code, message = 400, "invalid_action", "Invalid action."


class HighQualityDatasetOnly(ZhikuError):
    """An image-only query on an economy dataset."""

    status, code = 400, "high_quality_dataset_only"
    message = "Current operation only supports 'high-quality' datasets."


class DatasetNotInitialized(ZhikuError):
    """The dataset's index cannot be used yet."""

    status, code = 400, "dataset_not_initialized"
    message = "The dataset is still being initialized or indexing. Please wait a moment."


class ProviderNotInitialize(ZhikuError):
    """The model that is needed is not configured or cannot be loaded."""

    status, code = 400, "provider_not_initialize"
    message = "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider."


class CompletionRequestError(ZhikuError):
    """A model call failed; the message names the provider and what it said."""

    status, code, message = 400, "completion_request_error", "Completion request failed."


class StorageFull(ZhikuError):
    """No space is left for a write; nothing was changed."""

    status, code, message = 507, "storage_full", "There is no space left to store this. Nothing was changed."


class Unavailable(ZhikuError):
    """A dependency is down or the server is stopping; try again later."""

    status, code, message = 503, "unavailable", "The service is not available. Try again in a moment."


class ModelCallFailed(Exception):
    """A provider could not answer after its retries; the message names the provider and the cause.

    Not a `ZhikuError`: a request turns it into `CompletionRequestError`, a job into the document's error.
    """


class DocumentUnreadable(Exception):
    """A file cannot become text; the message is shown on the document and says what to do."""

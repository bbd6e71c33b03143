"""Removes files that were uploaded for a pipeline and that none has taken."""

from zhiku.jobs.kinds import PurgePipelineUpload
from zhiku.jobs.worker import JobContext
from zhiku.pipelines import store
from zhiku.pipelines.service import blob_key_of
from zhiku.runtime import Runtime


class PipelineUploadPurge:
    """The handler of PurgePipelineUpload jobs."""

    def run(self, rt: Runtime, context: JobContext, job: PurgePipelineUpload) -> None:
        """Delete the row, then the file; whatever is gone already is no matter."""
        with rt.db.begin() as tx:
            context.checkpoint(tx, None)
            store.delete_upload(tx, job.upload_id)
        rt.blobs.delete(blob_key_of(job.upload_id))

    def give_up(self, rt: Runtime, context: JobContext, job: PurgePipelineUpload, message: str) -> None:
        """Leave the job failed, where an operator sees it."""

"""What a worker does for a dataset that is cut anew: it sends the next documents on their way."""

from zhiku.documents.recuts import fail_recut, walk_on
from zhiku.jobs.kinds import RecutDataset
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime


class Recutting:
    """The handler of RecutDataset jobs."""

    def run(self, rt: Runtime, context: JobContext, job: RecutDataset) -> None:
        """Queue the work on a few documents and the next job of the walk, all in one transaction."""
        with rt.db.begin() as tx:
            walk_on(rt, tx, job)
            context.finish(tx)
        rt.wakeups.jobs()

    def give_up(self, rt: Runtime, context: JobContext, job: RecutDataset, message: str) -> None:
        """Show the failure on the recut."""
        with rt.db.begin() as tx:
            fail_recut(rt, tx, job, message)
            context.finish(tx)

"""The web application: routes, middleware and the error envelope around a runtime; nothing else."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.routing import Mount

from zhiku.apps import routes as app_routes
from zhiku.console.app import create_console
from zhiku.datasets import routes as dataset_routes
from zhiku.documents import file_routes, update_routes, version_routes, work_routes
from zhiku.documents import routes as document_routes
from zhiku.estimates import routes as estimate_routes
from zhiku.evaluation import question_routes
from zhiku.evaluation import routes as evaluation_routes
from zhiku.external import connection_routes
from zhiku.external import routes as external_routes
from zhiku.http import routes as server_routes
from zhiku.http.compat import Compat
from zhiku.http.envelope import Envelope
from zhiku.http.limits import RateLimits
from zhiku.http.metrics import Measured, RequestMetrics
from zhiku.http.router import Router
from zhiku.http.upload import clear_incoming
from zhiku.keys import routes as key_routes
from zhiku.metadata import routes as metadata_routes
from zhiku.pipelines import routes as pipeline_routes
from zhiku.retrieval import routes as retrieval_routes
from zhiku.runtime import Runtime
from zhiku.segments import child_routes
from zhiku.segments import routes as segment_routes
from zhiku.tags import routes as tag_routes
from zhiku.workspace import routes as workspace_routes

# The first ones are found fastest: the most frequent requests come first.
ROUTERS: tuple[Router, ...] = (
    retrieval_routes.router,
    document_routes.router,
    update_routes.router,
    file_routes.router,
    work_routes.router,
    version_routes.router,
    segment_routes.router,
    child_routes.router,
    dataset_routes.router,
    metadata_routes.router,
    tag_routes.router,
    key_routes.router,
    app_routes.router,
    estimate_routes.router,
    question_routes.router,
    evaluation_routes.router,
    external_routes.router,
    connection_routes.router,
    pipeline_routes.router,
    workspace_routes.router,
    server_routes.router,
)

ReadinessCheck = Callable[[], str | None]


def create_app(rt: Runtime, checks: Sequence[ReadinessCheck] = (), routers: Sequence[Router] = ROUTERS) -> Starlette:
    """Return the application. A check says what `/readyz` has to wait for, or None; it may block."""
    app = Starlette()
    app.router.redirect_slashes = False
    clear_incoming(rt.settings)
    app.state.runtime = rt
    app.state.rate_limits = RateLimits(rt.settings, rt.clock)
    app.state.readiness_checks = tuple(checks)
    app.state.metrics = RequestMetrics()
    app.state.openapi = None
    # In the place of the framework's own stack, which catches exceptions twice before the envelope sees them.
    app.middleware_stack = Compat(Measured(Envelope(app.router), app.state.metrics))
    for router in routers:
        app.router.routes.extend(router.routes)
    app.router.routes.append(Mount("/console", create_console(rt)))
    return app

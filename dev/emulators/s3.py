"""The object store: `nanio`, a kept S3 server, with its buckets made and with faults on request.

Buckets are folders on disk, so a person can look at every picture. Signatures and expiry of requests and of presigned links are
checked as the real store checks them. Not to be relied on: `If-None-Match` (ignored) and lifecycle rules (there are none).
"""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from nanio.app import build_app
from nanio.auth.credentials import StaticCredentialResolver
from nanio.config import Settings
from nanio.errors import InternalError
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from dev.emulators.control import add_fault_routes
from dev.emulators.faults import HTTP_FAULTS, FaultKind, Faults, suffer

OPERATIONS = ("GET", "HEAD", "PUT", "POST", "DELETE")
"""What a fault can name: the HTTP method of the request."""
FAULT_KINDS = HTTP_FAULTS - {FaultKind.ERROR_BODY_200}
"""What can go wrong; an error inside a 200 exists for copies and multipart uploads only, and nobody here makes any."""


class S3EmulatorSettings(BaseModel):
    """One object store; `buckets` are made at the start, as the real ones exist before the first deployment."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    buckets: tuple[str, ...] = Field(min_length=1)
    access_key: str = "EXAMPLE-ACCESS-KEY"
    secret_key: str = "EXAMPLE-SECRET-KEY"
    region: str = "auto"


def create_app(settings: S3EmulatorSettings) -> FastAPI:
    """An S3 endpoint at `/` (path-style addresses) with `GET`, `POST` and `DELETE` of `/_emulator/faults`."""
    store = build_app(
        Settings(
            data_dir=settings.folder,
            region=settings.region,
            credentials=StaticCredentialResolver({settings.access_key: settings.secret_key}),
        )
    )
    existing = {bucket.name for bucket in store.state.storage.list_buckets()}
    for bucket in settings.buckets:
        if bucket not in existing:
            store.state.storage.create_bucket(bucket)

    app = FastAPI(title="S3 emulator", docs_url=None, redoc_url=None, openapi_url=None)
    faults = Faults(OPERATIONS, FAULT_KINDS)
    controls = APIRouter(prefix="/_emulator")
    add_fault_routes(controls, faults)
    app.include_router(controls)
    app.mount("/", _Faulty(store, faults))
    return app


class _Faulty(BaseHTTPMiddleware):
    """Lets requests suffer what was asked for, in front of the store."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        super().__init__(app)
        self._faults = faults

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        fault = self._faults.take(request.method)
        return await suffer(fault, lambda: call_next(request), _error)


def _error(status: int) -> Response:
    return Response(InternalError().to_xml(), status, media_type="application/xml")

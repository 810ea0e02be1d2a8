"""Decrypts payloads for Temporal's Web UI and CLI, and encrypts what operators send from there.

Temporal's remote codec protocol: POST `{"payloads": […]}` in protobuf's JSON, answered by the same shape; `X-Namespace` names the
namespace. https://docs.temporal.io/production-deployment/data-encryption#codec-server
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response, status
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payloads
from temporalio.converter import PayloadCodec

from config.codec import CodecError
from config.fields import Account
from config.groups import OperatorSettings, TemporalSettings

PREFIX = "/codec"


class OperatorsOnly:
    """A dependency: lets operators pass who sign in by HTTP, Basic (name and secret) or Bearer (secret).

    Without accounts there is nobody who could sign in: then 404, except on loopback where `open_on_loopback`.
    """

    def __init__(self, accounts: Sequence[Account], *, open_on_loopback: bool) -> None:
        self._accounts = accounts
        self._open_on_loopback = open_on_loopback

    def __call__(self, request: Request, authorization: Annotated[str | None, Header()] = None) -> None:
        if not self._accounts:
            if not (self._open_on_loopback and _is_local(request)):
                raise HTTPException(status.HTTP_404_NOT_FOUND)
        elif operator_of(authorization, self._accounts) is None:
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED,
                detail="sign in as an operator",
                headers={"WWW-Authenticate": 'Basic realm="operators", charset="UTF-8"'},
            )


def codec_router(
    codec: PayloadCodec,
    settings: TemporalSettings,
    operators: OperatorSettings,
    *,
    open_on_loopback: bool = False,
) -> APIRouter:
    """Return `POST /codec/encode`, `POST /codec/decode` and `GET /codec/sign-in`; `open_on_loopback` is for development."""
    router = APIRouter(
        prefix=PREFIX,
        tags=["codec"],
        include_in_schema=False,
        dependencies=[Depends(OperatorsOnly(operators.accounts, open_on_loopback=open_on_loopback))],
    )
    request_payloads = Depends(_PayloadsOf(settings.namespace))

    @router.post("/encode")
    async def encode(payloads: Annotated[Payloads, request_payloads]) -> Response:
        await codec.encode_wrapper(payloads)
        return _answer(payloads)

    @router.post("/decode")
    async def decode(payloads: Annotated[Payloads, request_payloads]) -> Response:
        try:
            await codec.decode_wrapper(payloads)
        except CodecError as error:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, detail=str(error)) from error
        return _answer(payloads)

    @router.get("/sign-in")
    async def sign_in() -> Response:
        """A page to open once: the browser asks for name and secret here, and from then on sends them for the Web UI's pages."""
        return Response("Signed in; payloads are now readable in the Temporal Web UI.", media_type="text/plain")

    return router


class CodecCORSMiddleware:
    """Lets the Web UI's pages, and no others, call the codec.

    Add it after (that is, around) the storefront's CORS middleware, which would otherwise refuse the Web UI's preflights.
    """

    def __init__(self, app: ASGIApp, settings: TemporalSettings) -> None:
        self._app = app
        self._with_cors = CORSMiddleware(
            app,
            allow_origins=settings.ui_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-namespace"],
            allow_credentials=settings.codec_include_credentials,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_codec = scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/")
        await (self._with_cors if is_codec else self._app)(scope, receive, send)


def operator_of(authorization: str | None, accounts: Iterable[Account]) -> str | None:
    """Return the name of the operator whose credentials an `Authorization` header carries; None for anybody else's.

    Takes the same time for a wrong name, a wrong secret and a right one.
    """
    scheme, _, given = (authorization or "").strip().partition(" ")
    name: bytes | None = None
    secret = given.strip().encode()
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(given, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return None
    elif scheme.lower() != "bearer":
        return None
    found = None
    for account in accounts:
        is_secret = hmac.compare_digest(secret, account.secret.get_secret_value().encode())
        is_name = name is None or hmac.compare_digest(name, account.name.encode())
        if is_secret and is_name:
            found = account.name
    return found


class _PayloadsOf:
    """A dependency: the request's payloads. 400 for a body that holds none, or for a namespace that is not ours."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    async def __call__(self, request: Request, x_namespace: Annotated[str | None, Header()] = None) -> Payloads:
        if x_namespace not in {None, self._namespace}:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, detail=f"this codec serves namespace {self._namespace}")
        try:
            return Parse(await request.body(), Payloads())
        except (ParseError, UnicodeDecodeError) as error:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, detail='expected {"payloads": […]}') from error


def _answer(payloads: Payloads) -> Response:
    return Response(MessageToJson(payloads, indent=None), media_type="application/json", headers={"Cache-Control": "no-store"})


def _is_local(request: Request) -> bool:
    # The name counts as well as the address: a page that rebinds its own name to 127.0.0.1 still says its name.
    return request.client is not None and _is_loopback(request.client.host) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

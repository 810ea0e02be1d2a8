"""Problem bodies on the wire, and how routes declare them in OpenAPI."""

import json
from http import HTTPStatus
from typing import Any

from fastapi.openapi.constants import REF_TEMPLATE
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.schemas.problem import Problem, RefusalProblem, ValidationProblem

PROBLEM_JSON = "application/problem+json"


def title_of(status: int) -> str:
    """Return the status in words."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


_MODELS: dict[int, tuple[type[Problem], ...]] = {
    402: (RefusalProblem,),
    409: (RefusalProblem,),
    422: (RefusalProblem, ValidationProblem),
}


def _declare(status: int, models: tuple[type[Problem], ...]) -> dict[str, Any]:
    """Refer to the schemas by name: with `model`, every app would build validators of every error of every route."""
    references = [{"$ref": REF_TEMPLATE.format(model=model.__name__)} for model in models]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"content": {PROBLEM_JSON: {"schema": schema}}, "description": title_of(status)}


NOT_UNDERSTOOD: dict[int | str, dict[str, Any]] = {422: _declare(422, (ValidationProblem,))}
"""What every route may answer to a request that does not have its shape."""


def problem_response(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Response:
    """Return an error body; `members` are RFC 9457 extension members such as `facts` and `errors`."""
    title = title_of(status)
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code or title.lower().replace(" ", "_"),
        **members,
    }
    return Response(json.dumps(body, ensure_ascii=False), status_code=status, headers=headers, media_type=PROBLEM_JSON)


async def send_problem(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer from within a middleware; a HEAD request gets the headers alone."""
    if scope["method"] == "HEAD":
        response.body = b""
    await response(scope, receive, send)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare the error statuses of a route: `responses=problems(404, 503)`."""
    return {status: _declare(status, _MODELS.get(status, (Problem,))) for status in statuses}


def problem_schemas() -> dict[str, Any]:
    """Return the schemas that the declarations refer to, by name."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "serialization") for model in (Problem, RefusalProblem, ValidationProblem)
    ]
    return dict(models_json_schema(modes, ref_template=REF_TEMPLATE)[1]["$defs"])

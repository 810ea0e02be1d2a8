"""OpenAPI as it is: error bodies are problems, and nothing is declared that is never answered."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import problem_schemas

_NEVER_ANSWERED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the app's OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        schemas.update(problem_schemas())
        for name in _NEVER_ANSWERED:
            schemas.pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema

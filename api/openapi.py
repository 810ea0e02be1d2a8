"""OpenAPI as it is: error bodies are problems, and nothing is declared that is never answered."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import PROBLEM_JSON

_NEVER_ANSWERED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the app's OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for operations in document["paths"].values():
            for operation in operations.values():
                _declare_problems(operation["responses"])
        schemas = document["components"]["schemas"]
        for name in _NEVER_ANSWERED:
            schemas.pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


def _declare_problems(responses: dict[str, Any]) -> None:
    for response in responses.values():
        content = response.get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        variants = [schema, *schema.get("anyOf", ())]
        if any(variant.get("$ref", "").endswith("Problem") for variant in variants):
            content[PROBLEM_JSON] = content.pop("application/json")

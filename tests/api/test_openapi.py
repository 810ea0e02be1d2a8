"""The OpenAPI document tells the truth: what every success looks like, and every error as the problem that it is."""

from typing import Any

import pytest
from fastapi import FastAPI

LAYERS = ("Background", "PhotoLayer", "StickerLayer", "TextLayer")
"""Of a design document, which is sent and answered."""


@pytest.fixture
def document(stranded_app: FastAPI) -> dict[str, Any]:
    return dict(stranded_app.openapi())


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation for path, item in document["paths"].items() for method, operation in item.items()
    }


def test_the_document_is_named_after_the_shop(document: dict[str, Any]):
    assert document["info"]["title"] == "PimpMyCase API"


def test_every_operation_declares_its_errors_as_problems(document: dict[str, Any]):
    for name, operation in operations(document).items():
        errors = {status: response for status, response in operation["responses"].items() if int(status) >= 400}
        assert {"422", "429", "500"} <= errors.keys(), name
        for status, response in errors.items():
            if (name, status) != ("GET /health", "503"):
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_no_output_schema_has_a_default_so_that_clients_see_every_field_as_there(document: dict[str, Any]):
    inputs = {
        "DesignBody",
        "OpenOrderBody",
        "ApproveBody",
        "DesignDocument",
        *LAYERS,
        "CheckoutBody",
        "SuccessBody",
        "SecureLinkForm",
        "RefreshForm",
    }
    for name, schema in document["components"]["schemas"].items():
        if name not in inputs:
            properties = schema.get("properties", {})
            assert not [field for field, described in properties.items() if "default" in described], name
            assert set(schema.get("required", properties)) == set(properties), name


def test_the_upload_form_is_described_although_it_is_parsed_by_hand(document: dict[str, Any]):
    body = document["paths"]["/api/images/upload-final"]["post"]["requestBody"]["content"]

    assert set(body) == {"application/x-www-form-urlencoded", "multipart/form-data"}
    assert set(body["multipart/form-data"]["schema"]["required"]) == {"template_id", "final_image_data"}


def test_a_callback_is_described_although_it_is_parsed_by_hand(document: dict[str, Any]):
    for path in ("order/payStatus", "order/status-update", "order-status-update"):
        operation = document["paths"][f"/api/chinese/{path}"]["post"]
        content = operation["requestBody"]["content"]
        assert set(content) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
        assert [schema["type"] for schema in content["application/json"]["schema"]["anyOf"]] == ["object", "array"]
        assert "413" in operation["responses"]


def test_what_wants_a_key_says_so_and_what_it_answers_without_one(document: dict[str, Any]):
    keyed = {name: operation for name, operation in operations(document).items() if "security" in operation}
    assert len(keyed) == 6
    for name, operation in keyed.items():
        expected = {"503"} if name == "GET /api/chinese/payment/{third_id}/status" else {"401", "404", "503"}
        assert expected <= operation["responses"].keys(), name


def test_every_operation_has_a_sentence_about_what_it_is_for(document: dict[str, Any]):
    assert not [name for name, operation in operations(document).items() if not operation.get("description")]

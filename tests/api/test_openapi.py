"""The document that a program reads before it calls us."""

import pytest
from fastapi import APIRouter

from api.permissions import permission, public

router = APIRouter(prefix="/api/v1", tags=["participants"])


@router.post("/participants/{participant_id}/consent", openapi_extra=permission("screening:write"))
def record_consent(participant_id: str) -> dict[str, str]:
    """Record that a person consented."""
    return {}


@router.get("/health", openapi_extra=public())
def read_health() -> dict[str, str]:
    return {}


@pytest.fixture
def document(browse):
    return browse(router).get("/api/v1/openapi.json").json()


def test_operation_ids_are_the_names_of_functions(document):
    operation = document["paths"]["/api/v1/participants/{participant_id}/consent"]["post"]
    assert operation["operationId"] == "record_consent"
    assert operation["x-permission"] == "screening:write"


def test_every_operation_documents_its_refusals_as_problems(document):
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
            assert "422" not in operation["responses"]
    problem = document["components"]["responses"]["Problem"]["content"]["application/problem+json"]
    assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert {"code", "title", "detail", "fields", "instance"} <= set(
        document["components"]["schemas"]["Problem"]["properties"]
    )


def test_a_public_operation_asks_for_no_token_and_others_do(document):
    assert document["paths"]["/api/v1/health"]["get"]["security"] == []
    consent = document["paths"]["/api/v1/participants/{participant_id}/consent"]["post"]
    assert consent["security"] == [{"token": []}]


def test_pages_are_not_part_of_the_document(document):
    assert all(path.startswith("/api/v1/") for path in document["paths"])


def test_the_operations_are_listed_for_people_without_a_script_from_elsewhere(browse):
    html = browse(router).get("/developers").text
    assert "/api/v1/participants/{participant_id}/consent" in html
    assert "screening:write" in html
    assert "//cdn" not in html

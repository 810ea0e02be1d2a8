"""The service itself."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from api.dependencies import Health, StorefrontUrl
from api.health import Condition
from api.schemas.basic import HealthAnswer, Welcome

router = APIRouter(tags=["service"])

VERSION = "1.0.0"


@router.get("/")
async def welcome() -> Welcome:
    """Say that somebody is here."""
    return Welcome(message="PimpMyCase API", status="active", version=VERSION)


@router.get("/favicon.ico", include_in_schema=False)
async def icon(storefront_url: StorefrontUrl) -> RedirectResponse:
    """Show browsers the shop's icon."""
    return RedirectResponse(f"{storefront_url}/favicon.ico")


@router.get("/health", responses={503: {"model": HealthAnswer, "description": "Nothing can be answered"}})
async def health(health: Health, response: Response) -> HealthAnswer:
    """Whether orders can be taken. Without Temporal, the object store, a fresh count of the stock or money left for AI
    pictures: 200 `degraded`; without the database: 503.
    """
    report = await health.report()
    response.status_code = 503 if report.condition is Condition.UNAVAILABLE else 200
    return HealthAnswer.of(report)

"""Choose a phone and a template: the beginning of a design."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from dev.storefront_app import form as forms
from dev.storefront_app.draft import Phone
from dev.storefront_app.pages import COOKIE, Pages, to
from dev.storefront_app.shop import Refused

Text = Annotated[str, Form(max_length=200)]


def phone_routes(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def phones(request: Request, brand: str = "", machine: str = "") -> Response:
        brands = await pages.shop.brands()
        chosen = next((one for one in brands if one["id"] == brand), None) or next((b for b in brands if b["available"]), None)
        models = await pages.shop.models(chosen["id"], machine.strip()) if chosen else []
        known = pages.book.draft(request.cookies.get(COOKIE, ""))
        return pages.show(
            "phones.html",
            brands=brands,
            chosen=chosen,
            models=models,
            machine=machine.strip(),
            machines=pages.machines,
            unfinished=known,
        )

    @router.post("/designs")
    async def begin(brand: Text, model: Text, machine: Text = "") -> Response:
        draft = pages.book.begin(await _phone(pages, brand, model, machine.strip()))
        answer = to(f"/designs/{draft.id}/template")
        answer.set_cookie(COOKIE, draft.id, httponly=True, samesite="lax", max_age=30 * 86_400)
        return answer

    @router.get("/designs/{draft_id}/template")
    async def templates(draft_id: str) -> Response:
        draft = pages.draft(draft_id)
        return pages.show("templates.html", draft=draft, templates=await pages.shop.templates())

    @router.post("/designs/{draft_id}/template")
    async def choose_template(draft_id: str, template: Text) -> Response:
        draft = pages.draft(draft_id)
        found = next((one for one in await pages.shop.templates() if one["id"] == template), None)
        if found is None:
            raise Refused(404, "We do not know this template.")
        if draft.template_id != found["id"]:
            draft.style = ""
        draft.template_id, draft.template_name, draft.is_ai = found["id"], found["name"], found["category"] == "ai"
        forms.with_slots(draft, found["image_count"])
        draft.problems = []
        pages.book.keep(draft)
        return to(f"/designs/{draft.id}")

    @router.get("/favicon.ico")
    async def icon() -> Response:
        return RedirectResponse("/static/icon.svg", 307)

    return router


async def _phone(pages: Pages, brand_id: str, model_id: str, machine: str) -> Phone:
    """Look a phone up as it is offered now. Raises `Refused`."""
    brand = next((one for one in await pages.shop.brands() if one["id"] == brand_id), None)
    models = await pages.shop.models(brand_id, machine) if brand else []
    model = next((one for one in models if one["id"] == model_id), None)
    if brand is None or model is None or not model["is_available"]:
        raise Refused(404, "This phone is not offered here at the moment. Please choose another one.")
    return Phone(
        brand=brand["id"],
        brand_name=brand["display_name"],
        model=model["name"],
        shell_id=model["mobile_shell_id"],
        price=round(model["price"] * 100),
        width=model["width"],
        height=model["height"],
        machine_id=machine,
    )

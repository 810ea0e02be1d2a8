"""Compose a design, and look at what will be printed."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from dev.storefront_app import form as forms
from dev.storefront_app.draft import Draft, Line
from dev.storefront_app.pages import Pages, to
from dev.storefront_app.shop import Json
from dev.storefront_app.studio import PHOTO_LIMIT


def design_routes(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/designs/{draft_id}")
    async def compose(draft_id: str) -> Response:
        draft = pages.draft(draft_id)
        if not draft.template_id:
            return to(f"/designs/{draft.id}/template")
        return await _compose(pages, draft)

    @router.post("/designs/{draft_id}")
    async def composed(draft_id: str, request: Request) -> Response:
        return await _composed(pages, pages.draft(draft_id), request)

    @router.get("/designs/{draft_id}/painting")
    async def painting(draft_id: str) -> Response:
        draft = pages.draft(draft_id)
        if not pages.studio.is_painting(draft.id):
            return to(f"/designs/{draft.id}")
        return pages.show("painting.html", draft=draft, painting=pages.book.painting(draft.id))

    return router


async def _compose(pages: Pages, draft: Draft) -> Response:
    shop = pages.shop
    drawing = pages.book.drawing(draft.id)
    stickers = await shop.stickers()
    return pages.show(
        "design.html",
        draft=draft,
        painting=pages.book.painting(draft.id),
        drawing=drawing,
        is_current=drawing is not None and drawing.answer is not None and drawing.body == pages.studio.request_for(draft),
        styles=await shop.styles(draft.template_id) if draft.is_ai else [],
        fonts=await shop.fonts(),
        text_colors=await shop.colors("text"),
        background_colors=await shop.colors("background"),
        stickers=stickers,
        sticker_urls=_urls(stickers, "stickers"),
        backgrounds=await shop.backgrounds(),
        new_line=Line(),
        max_lines=forms.MAX_LINES,
    )


def _urls(packs: list[Json], items: str) -> dict[str, str]:
    return {item["name"]: item["thumbnail_url"] for pack in packs for item in pack[items]}


async def _composed(pages: Pages, draft: Draft, request: Request) -> Response:
    """Keep everything that was typed before anything is asked of the API, then do what the pressed button says."""
    async with request.form(max_files=10, max_fields=500) as form:
        button = str(form.get("do", "preview"))
        draft.problems = []
        forms.fill(draft, form)
        pages.book.keep(draft)
        for number, file in forms.files(draft, form).items():
            await pages.studio.add_photo(draft, number, await file.read(PHOTO_LIMIT + 1), file.filename or "")
        pages.studio.choose(draft.id, str(form.get("chosen", "")))
    here = f"/designs/{draft.id}"
    if button == "paint":
        pages.studio.paint(draft)
        pages.book.keep(draft)
        return to(here if draft.problems else f"{here}/painting")
    pages.book.keep(draft)
    drawing = await pages.studio.draw(draft)
    is_ready = drawing is not None and not drawing.problem and not draft.problems
    return to(f"{here}/checkout" if button == "checkout" and is_ready else here)

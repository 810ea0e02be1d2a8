"""Has drafts drawn and painted, and remembers what came out."""

import asyncio

from dev.storefront_app.draft import Book, Draft, Drawing, Made, Painting, Photo, Problem
from dev.storefront_app.shop import Json, Picture, Refused, Shop

PHOTO_LIMIT = 10_000_000
"""Bytes that the API takes; a larger photo is not read at all."""


class Studio:
    """Everything that takes the API some time."""

    def __init__(self, shop: Shop, book: Book) -> None:
        self._shop = shop
        self._book = book
        self._painters: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Let go; whatever was being painted is asked for again by whoever opens its page."""
        for painter in self._painters.values():
            painter.cancel()
        await asyncio.gather(*self._painters.values(), return_exceptions=True)

    async def add_photo(self, draft: Draft, number: int, data: bytes, called: str) -> None:
        """Put a photo into a slot; a refusal becomes a problem of the draft, and the slot keeps what it has."""
        if len(data) > PHOTO_LIMIT:
            detail = f"{called} is larger than 10 MB. Please choose a smaller photo."
            draft.problems.append(Problem(where=f"photo_{number}", detail=detail))
            return
        try:
            photo = await self._shop.add_photo(data)
        except Refused as refused:
            draft.problems.append(Problem(where=f"photo_{number}", detail=f"{called}: {refused}"))
            return
        draft.slots[number].photo = Photo(
            filename=photo["filename"], url=photo["public_url"], called=called, width=photo["width"], height=photo["height"]
        )

    def request_for(self, draft: Draft) -> Json | None:
        """The body that draws a draft as it stands; None while a photo is missing."""
        painted = self._book.painting(draft.id).picture
        if draft.missing_photos or (draft.is_ai and painted is None) or not draft.template_id:
            return None
        photos = [
            {"photo": painted.filename if painted and draft.is_ai else slot.photo.filename, **slot.model_dump(exclude={"photo"})}
            for slot in draft.slots
            if slot.photo
        ]
        design = {
            "version": 1,
            "template_id": draft.template_id,
            "background": {"color": draft.background_color, "picture": draft.background_picture or None},
            "photos": photos,
            "stickers": [{**sticker.model_dump(exclude={"name"}), "sticker": sticker.name} for sticker in draft.stickers],
            "texts": [line.model_dump() for line in draft.lines],
        }
        phone = draft.phone
        body = {"brand": phone.brand, "model": phone.model, "mobile_shell_id": phone.shell_id, "design": design}
        return body | ({"machine_id": phone.machine_id} if phone.machine_id else {})

    async def draw(self, draft: Draft) -> Drawing | None:
        """Have a draft drawn unless it is already; None while a photo is missing."""
        body = self.request_for(draft)
        if body is None:
            return None
        drawing = self._book.drawing(draft.id)
        if drawing is None or drawing.body != body or drawing.answer is None:
            before = drawing.answer if drawing else None
            try:
                drawing = Drawing(body=body, answer=await self._shop.draw(body))
            except Refused as refused:
                # The last picture stays on the page, marked as out of date, beside the reason.
                kept = drawing.body if drawing and before else body
                drawing = Drawing(body=kept, answer=before, problem=str(refused))
            self._book.keep_drawing(draft.id, drawing)
        elif drawing.problem:
            drawing.problem = ""
            self._book.keep_drawing(draft.id, drawing)
        return drawing

    def paint(self, draft: Draft) -> None:
        """Begin to have the AI make a picture of the draft's photo."""
        photo = draft.slots[0].photo if draft.slots else None
        if photo is None:
            draft.problems.append(Problem(where="photo_0", detail="Please choose the photo that the picture is made from."))
        elif not draft.style:
            draft.problems.append(Problem(where="style", detail="Please choose a style."))
        else:
            wish = {"template_id": draft.template_id, "style": draft.style, "words": draft.words, "photo": photo.url}
            painting = self._book.painting(draft.id).model_copy(update={"wish": wish, "problem": "", "status_url": ""})
            self._book.keep_painting(draft.id, painting)

    def is_painting(self, draft_id: str) -> bool:
        """Whether a picture is being made; sees to it that somebody asks for it, after a restart too."""
        if self._book.painting(draft_id).wish is None:
            return False
        painter = self._painters.get(draft_id)
        if painter is None or painter.done():
            self._painters[draft_id] = asyncio.create_task(self._see_through(draft_id))
        return True

    def choose(self, draft_id: str, filename: str) -> None:
        """Put one of the pictures that were made on the case."""
        painting = self._book.painting(draft_id)
        if filename in {made.filename for made in painting.made}:
            self._book.keep_painting(draft_id, painting.model_copy(update={"chosen": filename}))

    async def _see_through(self, draft_id: str) -> None:
        """Ask until the wish is fulfilled or refused; a newer wish replaces it meanwhile."""
        while (wish := self._book.painting(draft_id).wish) is not None:
            try:
                outcome: Picture | Refused = await self._picture(draft_id, wish)
            except Refused as refused:
                outcome = refused
            painting = self._book.painting(draft_id)
            if painting.wish == wish:
                self._book.keep_painting(draft_id, _finished(painting, wish, outcome))
        draft = self._book.draft(draft_id)
        if draft is not None:
            await self.draw(draft)

    async def _picture(self, draft_id: str, wish: dict[str, str]) -> Picture:
        """The same wish again is the same picture, so whoever does not know how far it is simply asks again."""
        painting = self._book.painting(draft_id)
        if painting.status_url:
            picture = await self._shop.generated(painting.status_url)
        else:
            style = {"style": wish["style"]} | ({"optional_text": wish["words"]} if wish["words"] else {})
            picture = await self._shop.generate(wish["template_id"], style, await self._shop.fetch(wish["photo"]))
        while picture.status_url:
            painting = self._book.painting(draft_id)
            if painting.wish == wish:
                self._book.keep_painting(draft_id, painting.model_copy(update={"status_url": picture.status_url}))
            await asyncio.sleep(picture.ask_after)
            picture = await self._shop.generated(picture.status_url)
        return picture


def _finished(painting: Painting, wish: dict[str, str], outcome: Picture | Refused) -> Painting:
    done = painting.model_copy(update={"wish": None, "status_url": ""})
    if isinstance(outcome, Refused):
        return done.model_copy(update={"problem": str(outcome)})
    made = Made(filename=outcome.filename, url=outcome.url, style=wish["style"])
    others = [other for other in painting.made if other.filename != made.filename]
    return done.model_copy(update={"made": [*others, made], "chosen": made.filename, "problem": ""})

"""A stand-in for the API: it takes exactly what the real schemas take, and answers what they answer."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from api.problems import problem_response
from api.schemas import catalog
from api.schemas.checkout import CheckoutBody, CheckoutSession, SuccessBody
from api.schemas.designs import DesignBody, DrawnDesign
from api.schemas.generations import GeneratedPicture, StillGenerating
from api.schemas.images import Photo, Remark
from api.schemas.order import CustomerOrder, MoneyView, OrderLineView, PaymentConfirmation, TimelineItem
from api.schemas.stickers import BackgroundPack, Backgrounds, DecorationItem, StickerCategories, StickerCategory
from models.catalog import ColorKind, TemplateCategory
from models.order import OrderStatus

API = "http://api.test"
SHA = "ab" * 32
TEMPLATES = {"classic": 1, "2-in-1": 2, "4-in-1": 4, "film-strip": 3, "retro-remix": 1}
CHECKOUT = "http://pay.test/c/pay/cs_test_1"


@dataclass
class ApiStub:
    """What the API is told to answer, and what it was asked.

    Attributes:
        refusals: Status and detail by path, each given once.
        pictures: What `generate` and its status address answer next: a picture's name, None for "not yet", or a refusal.
    """

    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    pictures: deque[str | tuple[int, str] | None] = field(default_factory=deque)
    asked: list[tuple[str, str]] = field(default_factory=list)
    designs: list[DesignBody] = field(default_factory=list)
    checkouts: list[CheckoutBody] = field(default_factory=list)
    wishes: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    order: CustomerOrder | None = None
    has_stickers: bool = True
    photos: int = 0
    asked_again: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def refuse(request: Request, call_next: Any) -> Response:
            path = request.url.path
            self.asked.append((request.method, path))
            if path in self.refusals:
                status, detail = self.refusals.pop(path)
                return problem_response(status, detail)
            answer: Response = await call_next(request)
            return answer

        for method, path, endpoint in (
            ("GET", "/api/brands", self.brands),
            ("GET", "/api/brands/{brand}/models", self.models),
            ("GET", "/api/templates", self.templates),
            ("GET", "/api/styles/{template}", self.styles),
            ("GET", "/api/fonts", self.fonts),
            ("GET", "/api/colors/{kind}", self.colors),
            ("POST", "/api/photos", self.photo),
            ("GET", "/image/{name}", self.image),
            ("POST", "/api/images/generate", self.generate),
            ("GET", "/api/images/generations/{handle}", self.generation),
            ("POST", "/api/designs", self.draw),
            ("POST", "/create-checkout-session", self.checkout),
            ("POST", "/process-payment-success", self.success),
            ("GET", "/api/orders/{token}", self.shown_order),
        ):
            app.add_api_route(path, endpoint, methods=[method], response_model=None)
        if self.has_stickers:
            app.add_api_route("/api/stickers/categories", self.stickers, response_model=None)
            app.add_api_route("/api/backgrounds", self.backgrounds, response_model=None)
        return app

    async def brands(self) -> catalog.BrandList:
        return catalog.BrandList(success=True, brands=[_brand("iphone", sold=True), _brand("google", sold=False)])

    async def models(self, brand: str, device_id: str = "") -> catalog.ModelList:
        models = [_model("iphone-15-pro", "iPhone 15 Pro", 7), _model("iphone-x", "iPhone X", 0)]
        of = catalog.BrandOfModels(id=brand, name=brand, chinese_brand_id="BR1")
        return catalog.ModelList(success=True, models=models, brand=of, total_models=2, in_stock_models=1)

    async def templates(self) -> catalog.TemplateList:
        return catalog.TemplateList(success=True, templates=[_template(name, count) for name, count in TEMPLATES.items()])

    async def styles(self, template: str) -> catalog.Styles:
        return catalog.Styles.of(template, ["80s Neon", "Film Noir"])

    async def fonts(self) -> catalog.FontList:
        return catalog.FontList(success=True, fonts=[_font("inter"), _font("pacifico")])

    async def colors(self, kind: ColorKind) -> catalog.ColorList:
        return catalog.ColorList(
            success=True, colors=[_color(hex_value, kind) for hex_value in ("#000000", "#ffffff", "#ef4444")]
        )

    async def stickers(self) -> StickerCategories:
        return StickerCategories(
            success=True, categories=[StickerCategory(id="CAT", name="Cat", count=1, stickers=[_decoration("CAT/1")])]
        )

    async def backgrounds(self) -> Backgrounds:
        packs = [BackgroundPack(id="SPACE", name="Space", backgrounds=[_decoration("SPACE/1")])]
        return Backgrounds(success=True, packs=packs)

    async def photo(self, request: Request) -> Photo:
        async with request.form() as form:
            assert "image" in form
        self.photos += 1
        name = f"photo-{self.photos}.jpg"
        return Photo(success=True, filename=name, file_path=f"/image/{name}", public_url=_link(name), width=900, height=1200)

    async def image(self, name: str) -> Response:
        return Response(f"bytes of {name}".encode(), media_type="image/jpeg")

    async def generate(self, request: Request) -> Response:
        async with request.form() as form:
            image = form["image"]
            assert not isinstance(image, str)
            self.wishes.append({**{k: v for k, v in form.items() if isinstance(v, str)}, "image": await image.read()})
        return self._picture()

    async def generation(self, handle: str) -> Response:
        self.asked_again.set()
        return self._picture()

    async def draw(self, body: DesignBody) -> DrawnDesign:
        self.designs.append(body)
        return DrawnDesign(
            success=True,
            design_id="d1",
            design=body.design,
            filename="final.png",
            final_image_url=_link("final.png"),
            preview_url=_link(f"preview-{len(self.designs)}.webp"),
            print_sha256=SHA,
            width=1390,
            height=2905,
            mobile_shell_id="MS1",
            renderer_version="1",
            warnings=self.remarks,
        )

    async def checkout(self, body: CheckoutBody) -> CheckoutSession:
        self.checkouts.append(body)
        return CheckoutSession(checkout_url=CHECKOUT, session_id="cs_test_1")

    async def success(self, body: SuccessBody) -> PaymentConfirmation:
        assert body.session_id == "cs_test_1"
        return PaymentConfirmation(
            success=True,
            order_id="1",
            order_number="PMC-000001",
            order_token="token_1",
            queue_no="007",
            status="paid",
            brand="iPhone",
            model="iPhone 15 Pro",
            template="classic",
            amount=35.0,
            currency="GBP",
            chinese_order_id=None,
            chinese_payment_id=None,
            entry_source="vanilla",
            is_machine_collection=False,
            collection_device_id=None,
            message="Payment received.",
        )

    async def shown_order(self, token: str) -> CustomerOrder:
        assert token == "token_1"
        return self.order or order()

    def _picture(self) -> Response:
        answer = self.pictures.popleft() if self.pictures else "made.png"
        if answer is None:
            later = StillGenerating(status="generating", status_url="/api/images/generations/handle")
            return JSONResponse(later.model_dump(), 202, {"Retry-After": "0"})
        if isinstance(answer, tuple):
            return problem_response(*answer)
        made = GeneratedPicture(
            success=True,
            filename=answer,
            file_path=f"/image/{answer}",
            prompt="p",
            template_id="retro-remix",
            style_params={},
            order_id=None,
            public_url=_link(answer),
        )
        return JSONResponse(made.model_dump())


def order(status: OrderStatus = OrderStatus.IN_PRODUCTION, *, at_machine: bool = False) -> CustomerOrder:
    """An order that is being printed, or stands elsewhere."""
    at = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    return CustomerOrder(
        success=True,
        number="PMC-000001",
        queue_number="007",
        status="paid",
        order_status=status,
        message="Your case is being made.",
        brand="iPhone",
        model="iPhone 15 Pro",
        template="classic",
        is_machine_collection=at_machine,
        collection_device_id="CXYLOGD8OQUK" if at_machine else None,
        lines=[OrderLineView(title="Phone case", quantity=1, amount=3500)],
        money=MoneyView(currency="gbp", total=3500, authorized=3500, captured=0, refunded=0),
        carrier=None,
        tracking=None,
        placed_at=at,
        timeline=[
            TimelineItem(at=at, status=OrderStatus.PAID, manufacturer_status=None),
            TimelineItem(at=at, status=None, manufacturer_status=11),
            TimelineItem(at=at, status=None, manufacturer_status=3),
        ],
    )


def _link(name: str) -> str:
    return f"{API}/image/{name}?token=t"


def _brand(name: str, *, sold: bool) -> catalog.Brand:
    return catalog.Brand(
        id=name,
        name=name,
        display_name=name.title(),
        frame_color="#000",
        button_color="#000",
        available=sold,
        enabled=sold,
        subtitle="" if sold else "Currently unavailable",
        chinese_brand_id="BR1",
    )


def _model(name: str, shown: str, stock: int) -> catalog.Model:
    return catalog.Model(
        id=name,
        name=shown,
        display_name=shown,
        price=35.0,
        stock=stock,
        is_available=stock > 0,
        chinese_model_id="MM1",
        mobile_shell_id="MS1",
        width=69.43,
        height=145.12,
    )


def _template(name: str, count: int) -> catalog.Template:
    return catalog.Template(
        id=name,
        name=name.title(),
        description=f"{name} case",
        price=35.0,
        currency="GBP",
        category=TemplateCategory.AI if name == "retro-remix" else TemplateCategory.BASIC,
        image_count=count,
        features=[],
        display_price="£35.00",
        is_active=True,
    )


def _font(name: str) -> catalog.Font:
    return catalog.Font(
        id=name, name=name.title(), css_style=name, font_weight="400", is_google_font=False, google_font_url=None, is_active=True
    )


def _color(hex_value: str, kind: ColorKind) -> catalog.Color:
    classes = catalog.CssClasses(bg="", border="")
    return catalog.Color(id=hex_value, name=hex_value, hex_value=hex_value, css_classes=classes, color_type=kind, is_active=True)


def _decoration(name: str) -> DecorationItem:
    url = f"{API}/api/stickers/image/{name}.png"
    return DecorationItem(name=name, number=name[-1], width=512, height=512, url=url, highres_url=url, thumbnail_url=url)

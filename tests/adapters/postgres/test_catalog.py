from collections.abc import Awaitable, Callable

import pytest

from adapters.postgres.catalog import CatalogReader
from adapters.postgres.engine import counted_round_trips
from adapters.postgres.seed import seed
from dev.emulators.manufacturer.seed import BRANDS, SHELLS
from models.artwork import is_printable
from models.catalog import ColorKind, StyleParameter, match_name
from models.production import StockLevel
from tests.adapters.postgres.shop import NOW, Shop

APPLE = "BR20250111000002"
SAMSUNG = "BR020250120000001"


class TestSeed:
    async def test_seeding_twice_is_seeding_once_and_changes_nothing(self, shop: Shop):
        tables = ("brands", "phone_models", "shells", "devices", "templates", "prices", "ai_styles", "fonts", "colors", "add_ons")
        count = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in tables)  # noqa: S608
        before = await shop.row(count)
        await shop.execute("UPDATE brands SET subtitle = 'New in' WHERE id = 'samsung'")

        await seed(shop.database, stock=2)

        assert await shop.row(count) == before
        assert (await shop.row("SELECT subtitle FROM brands WHERE id = 'samsung'"))["subtitle"] == "New in"

    async def test_the_catalogue_is_complete(self, open_shop: Shop):
        catalog = open_shop.catalog

        assert len(await open_shop.rows("SELECT 1 FROM brands")) == 12
        assert len(await catalog.fonts()) == 27
        assert len(await catalog.colors(ColorKind.TEXT)) == 16
        assert len(await catalog.colors(ColorKind.BACKGROUND)) == 23
        assert len(await catalog.templates(at=NOW)) == 9
        assert {device.id for device in await catalog.devices()} == {"DEFAULTUK001", "CXYLOGD8OQUK", "FREEPROMO001"}

    async def test_what_the_manufacturers_emulator_sells_is_what_we_know(self, open_shop: Shop):
        """Same ids, same sizes: an order of ours is one that it accepts."""
        rows = await open_shop.rows(
            """
            SELECT b.manufacturer_brand_id, m.manufacturer_model_id, m.display_name, s.id, s.width_mm, s.height_mm
            FROM shells s JOIN phone_models m ON m.id = s.phone_model_id JOIN brands b ON b.id = m.brand_id WHERE m.is_available
            """
        )
        brands = await open_shop.rows("SELECT manufacturer_brand_id, native_name, name FROM brands")

        sold = {(shell.brand_id, shell.model_id, shell.model_name, shell.shell_id, shell.width, shell.height) for shell in SHELLS}
        assert {(*map(str, list(row.values())[:4]), f"{row['width_mm']:.2f}", f"{row['height_mm']:.2f}") for row in rows} == sold
        assert {tuple(brand.values()) for brand in brands} == {(brand.id, brand.name, brand.e_name) for brand in BRANDS}

    async def test_every_shell_has_a_size_that_a_phone_case_can_have(self, open_shop: Shop):
        shells = await open_shop.rows("SELECT width_mm, height_mm FROM shells")

        assert all(is_printable(float(shell["width_mm"]), float(shell["height_mm"])) for shell in shells)

    async def test_no_spelling_means_two_things(self, open_shop: Shop):
        for table in ("brands", "phone_models", "templates"):
            names = await open_shop.rows(f"SELECT unnest(match_names) AS name FROM {table}")  # noqa: S608
            assert len(names) == len({row["name"] for row in names}), table


class TestLists:
    async def test_brands_are_those_that_customers_see(self, open_shop: Shop):
        brands = await open_shop.catalog.brands()

        assert [(brand.id, brand.display_name, brand.is_available) for brand in brands] == [
            ("iphone", "iPhone", True),
            ("samsung", "Samsung", True),
            ("google", "Google", False),
        ]
        assert (brands[0].frame_color, brands[1].button_color, brands[2].subtitle) == (
            "#007AFF",
            "#1428A0",
            "Currently unavailable",
        )
        assert [brand.brand_id for brand in await open_shop.catalog.manufacturer_brands()][:2] == [APPLE, SAMSUNG]

    @pytest.mark.parametrize("name", ["iphone", "APPLE", "Apple", APPLE])
    async def test_a_brand_is_found_by_every_spelling(self, open_shop: Shop, name: str):
        brand = await open_shop.catalog.brand(name)

        assert brand is not None
        assert brand.id == "iphone"
        assert await open_shop.catalog.brand("Nokia") is None

    async def test_phones_are_listed_with_price_and_what_one_machine_has(self, shop: Shop):
        await shop.place()
        await shop.execute("UPDATE stock_levels SET stock = 9 WHERE device_id = 'CXYLOGD8OQUK'")

        at_home = await shop.catalog.phone_models("iphone", at=NOW)
        at_the_machine = await shop.catalog.phone_models("iphone", at=NOW, device_id="CXYLOGD8OQUK")

        phone = next(model for model in at_home if model.id == "iphone-15-pro")
        assert (phone.price, phone.currency) == (3500, "gbp")
        assert [(shell.shell_id, shell.sellable) for shell in phone.shells] == [("MS102509090019", 1), ("MS102503270003", 2)]
        assert {shell.sellable for model in at_the_machine for shell in model.shells} == {9}

    async def test_an_unknown_machine_has_nothing(self, open_shop: Shop):
        models = await open_shop.catalog.phone_models("iphone", at=NOW, device_id="UNKNOWN")

        assert {shell.sellable for model in models for shell in model.shells} == {0}
        assert await open_shop.catalog.stock_items(device_id="UNKNOWN", manufacturer_brand_id=APPLE) == []

    async def test_another_shell_is_offered_while_the_default_one_is_sold_out(self, shop: Shop):
        phones = {model.id: model for model in await shop.catalog.phone_models("iphone", at=NOW)}
        await shop.execute("UPDATE stock_levels SET stock = 0 WHERE shell_id = 'MS102509090020'")
        later = {model.id: model for model in await shop.catalog.phone_models("iphone", at=NOW)}

        offered = phones["iphone-16-pro-max"].offered, later["iphone-16-pro-max"].offered
        assert [shell and shell.shell_id for shell in offered] == ["MS102509090020", "MS102504100001"]

    async def test_stock_items_are_the_shells_of_a_brand_in_a_machine(self, open_shop: Shop):
        items = await open_shop.catalog.stock_items(device_id="CXYLOGD8OQUK", manufacturer_brand_id=SAMSUNG)

        assert [(item.model_id, item.shell_id, item.width_mm) for item in items] == [
            ("MM020250120000002", "MS102503280099", 75.8)
        ]

    @pytest.mark.parametrize("name", ["film-strip", "film-strip-3", "Film Strip"])
    async def test_a_template_is_found_by_every_spelling(self, open_shop: Shop, name: str):
        template = await open_shop.catalog.template(name, at=NOW)

        assert template is not None
        assert (template.id, template.price, template.image_count) == ("film-strip", 3500, 3)
        assert await open_shop.catalog.template("5-in-1", at=NOW) is None

    async def test_dropped_templates_are_listed_only_when_asked_for(self, open_shop: Shop):
        listed = {template.id for template in await open_shop.catalog.templates(at=NOW)}
        everything = {template.id for template in await open_shop.catalog.templates(at=NOW, include_inactive=True)}

        assert everything - listed == {"footy-fan"}

    async def test_styles_come_under_the_parameter_that_the_storefront_sends(self, open_shop: Shop):
        (retro,) = await open_shop.catalog.styles("retro-remix")
        (glitch,) = await open_shop.catalog.styles("glitch-pro")

        assert (retro.parameter, retro.names[0], len(retro.names)) == (StyleParameter.KEYWORD, "VHS Nostalgia", 11)
        assert (glitch.parameter, glitch.names) == (StyleParameter.STYLE, ("Retro", "Chaos"))
        assert await open_shop.catalog.styles("classic") == []

    async def test_add_ons_have_prices(self, open_shop: Shop):
        assert [(add_on.id, add_on.price) for add_on in await open_shop.catalog.add_ons(at=NOW)] == [("screen-protector", 799)]

    async def test_a_machine_in_service_is_found_by_id_or_by_being_the_default(self, open_shop: Shop):
        default, scanned = await open_shop.catalog.device(None), await open_shop.catalog.device("CXYLOGD8OQUK")

        assert [device and device.id for device in (default, scanned)] == ["DEFAULTUK001", "CXYLOGD8OQUK"]
        assert await open_shop.catalog.device("UNKNOWN") is None

    @pytest.mark.parametrize(
        "ask",
        [
            lambda catalog: catalog.brands(),
            lambda catalog: catalog.phone_models("iphone", at=NOW),
            lambda catalog: catalog.stock_items(device_id=None, manufacturer_brand_id=APPLE),
            lambda catalog: catalog.templates(at=NOW),
        ],
    )
    async def test_a_list_is_one_question(self, open_shop: Shop, ask: Callable[[CatalogReader], Awaitable[object]]):
        with counted_round_trips(open_shop.database) as trips:
            assert await ask(open_shop.catalog)

        assert trips.count == 1


class TestWhatTheManufacturerLists:
    async def test_a_shell_that_the_whole_list_leaves_out_is_gone(self, shop: Shop):
        await shop.count([level("Galaxy S22+")], brand="samsung")
        await shop.count([])

        apple = await shop.catalog.stock_items(device_id=None, manufacturer_brand_id=APPLE)
        samsung = await shop.catalog.stock_items(device_id=None, manufacturer_brand_id=SAMSUNG)
        elsewhere = await shop.catalog.stock_items(device_id="CXYLOGD8OQUK", manufacturer_brand_id=APPLE)
        assert {item.sellable for item in apple} == {0}
        assert {item.sellable for item in samsung} == {4}
        assert {item.sellable for item in elsewhere} == {2}

    async def test_a_new_phone_is_sold_from_now_on(self, shop: Shop):
        new = level("Galaxy Z", model_id="MM9", shell_id="MS9")

        await shop.count([new], brand="samsung")

        placed = await shop.place(upload=await shop.upload((75.8, 157.4)), brand="SAMSUNG", model="galaxy z")
        assert (placed.quote.product.model_id, placed.quote.product.shell_id) == ("MM9", "MS9")

    async def test_a_phone_that_waited_for_the_manufacturers_ids_gets_them(self, shop: Shop):
        """With the shell's real size in place of our guess."""
        listed = level("iPhone 16", model_id="MM16", shell_id="MS16", width_mm=71.0, height_mm=147.0)

        await shop.count([listed])

        (phone,) = (model for model in await shop.catalog.phone_models("iphone", at=NOW) if model.id == "iphone-16")
        assert phone.manufacturer_model_id == "MM16"
        assert [(shell.shell_id, shell.width_mm, shell.is_default, shell.sellable) for shell in phone.shells] == [
            ("MS16", 71.0, True, 4)
        ]

    async def test_a_further_shell_of_a_phone_joins_the_others(self, shop: Shop):
        further = level("iPhone 15 Pro", model_id="MM020250224000010", shell_id="MS_NEW", width_mm=71.0, height_mm=140.0)

        await shop.count([further])

        (phone,) = (model for model in await shop.catalog.phone_models("iphone", at=NOW) if model.id == "iphone-15-pro")
        assert {shell.shell_id for shell in phone.shells if not shell.is_default} == {"MS_NEW", "MS102503270003"}

    async def test_a_size_that_is_known_is_kept(self, shop: Shop):
        """Designs were made for it; the manufacturer's lists have had sizes swapped before."""
        swapped = level("Galaxy S22+", width_mm=60.0, height_mm=120.0)

        await shop.count([swapped], brand="samsung")

        (item,) = await shop.catalog.stock_items(device_id=None, manufacturer_brand_id=SAMSUNG)
        assert (item.width_mm, item.height_mm, item.sellable) == (75.8, 157.4, 4)

    @pytest.mark.parametrize("size", [{"width_mm": None}, {"width_mm": 0.0}, {"height_mm": 9999.0}])
    async def test_a_new_shell_without_a_believable_size_is_not_sold(self, shop: Shop, size: dict[str, float | None]):
        new = level("Galaxy Z", model_id="MM9", shell_id="MS9").model_copy(update=size)

        await shop.count([new], brand="samsung")

        assert await shop.rows("SELECT 1 FROM shells WHERE id = 'MS9'") == []


def level(
    name: str,
    *,
    model_id: str = "MM020250120000002",
    shell_id: str = "MS102503280099",
    width_mm: float = 75.8,
    height_mm: float = 157.4,
) -> StockLevel:
    return StockLevel(model_id=model_id, model_name=name, shell_id=shell_id, width_mm=width_mm, height_mm=height_mm, stock=4)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("iPhone 15 Pro", "IPHONE-15 pro", True),
        ("Galaxy S22+", "galaxy s22 +", True),
        ("Galaxy S22+", "Galaxy S22", False),
        ("iPhone 15 Pro", "iPhone 15 Pro Max", False),
    ],
)
def test_spellings_of_one_thing_match(one: str, other: str, same: bool):
    assert (match_name(one) == match_name(other)) is same

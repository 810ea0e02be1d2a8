import pytest

from adapters.postgres.facts import find_out
from adapters.postgres.pricing import quote
from models.errors import OrderRefused, RefusalCode
from models.order import Address, Channel, Quote
from tests.adapters.postgres.shop import CUSTOMER, IPHONE_15_PRO, IPHONE_15_PRO_BASIC, NOW, Shop, web_request


async def price(shop: Shop, upload: str | None = None, **changes: object) -> Quote:
    """What the front door is told before anything is written."""
    return await shop.reader.quote(web_request(upload or await shop.upload(), **changes), at=NOW)


async def refusal(shop: Shop, upload: str | None = None, **changes: object) -> OrderRefused:
    with pytest.raises(OrderRefused) as caught:
        await price(shop, upload, **changes)
    return caught.value


class TestNames:
    @pytest.mark.parametrize("brand", ["APPLE", "Apple", "iPhone", "iphone", "BR20250111000002"])
    @pytest.mark.parametrize(
        "model", ["iPhone 15 Pro", "IPHONE 15 PRO", "iphone-15-pro", "MM020250224000010", "Apple iPhone 15 Pro"]
    )
    async def test_a_phone_is_found_by_every_spelling(self, open_shop: Shop, brand: str, model: str):
        quoted = await price(open_shop, brand=brand, model=model)

        assert quoted.product.model_id == "MM020250224000010"
        assert (quoted.product.brand_id, quoted.product.brand_name) == ("iphone", "iPhone")

    @pytest.mark.parametrize("model", ["Galaxy S22+", "SAMSUNG Galaxy S22+", "s22 plus", "S22+"])
    async def test_a_samsung_is_found_by_every_spelling(self, open_shop: Shop, model: str):
        quoted = await price(open_shop, await open_shop.upload((75.80, 157.40)), brand="SAMSUNG", model=model)

        assert quoted.product.shell_id == "MS102503280099"

    async def test_an_unknown_phone_is_answered_with_those_that_are_known(self, open_shop: Shop):
        refused = await refusal(open_shop, model="iPhone 3G")

        assert refused.code is RefusalCode.UNKNOWN_MODEL
        assert "iPhone 15 Pro, " in refused.message
        assert "iPhone 3G" in refused.message

    @pytest.mark.parametrize("brand", ["Nokia", "Google"])
    async def test_a_brand_that_is_not_sold_is_answered_with_those_that_are(self, open_shop: Shop, brand: str):
        refused = await refusal(open_shop, brand=brand)

        assert refused.code is RefusalCode.UNKNOWN_MODEL
        assert refused.facts["known"] == "iPhone, Samsung"

    async def test_a_phone_whose_shell_nobody_has_confirmed_is_not_sold(self, open_shop: Shop):
        assert (await refusal(open_shop, model="iPhone 16")).code is RefusalCode.UNKNOWN_MODEL

    async def test_the_template_is_the_one_that_was_uploaded(self, open_shop: Shop):
        quoted = await price(open_shop, await open_shop.upload(template="film-strip-3"))

        assert quoted.product.template_id == "film-strip"

    async def test_a_template_that_is_named_wins(self, open_shop: Shop):
        assert (await price(open_shop, template_id="2-in-1")).product.template_id == "2-in-1"

    @pytest.mark.parametrize("template", ["5-in-1", "footy-fan"])
    async def test_a_template_that_is_not_sold_is_refused(self, open_shop: Shop, template: str):
        assert (await refusal(open_shop, template_id=template)).code is RefusalCode.UNKNOWN_TEMPLATE

    async def test_an_upload_that_nobody_made_is_refused(self, open_shop: Shop):
        assert (await refusal(open_shop, "invented.png")).code is RefusalCode.UNKNOWN_UPLOAD


class TestShells:
    @pytest.mark.parametrize(
        ("size_mm", "shell_id"), [(IPHONE_15_PRO, "MS102509090019"), (IPHONE_15_PRO_BASIC, "MS102503270003")]
    )
    async def test_the_shell_is_the_one_whose_shape_the_picture_has(
        self, open_shop: Shop, size_mm: tuple[float, float], shell_id: str
    ):
        product = (await price(open_shop, await open_shop.upload(size_mm))).product

        assert product.shell_id == shell_id
        assert (product.width_mm, product.height_mm) == size_mm

    async def test_a_picture_of_another_shape_is_told_what_would_fit(self, open_shop: Shop):
        refused = await refusal(open_shop, await open_shop.upload((77.55, 147.07)), model="iPhone 15 Pro")

        assert refused.code is RefusalCode.WRONG_RATIO
        assert "1390 × 2833 or 1390 × 2905" in refused.message

    async def test_a_shell_that_is_there_is_preferred_where_the_picture_fits_two(self, shop: Shop):
        """A picture between the two shells of the iPhone 16 Pro Max: the closer one is gone."""
        await shop.execute("UPDATE stock_levels SET stock = 0 WHERE shell_id = 'MS102509090020'")
        upload = await shop.upload((77.40, 162.75))

        quoted = await price(shop, upload, model="iPhone 16 Pro Max")

        assert quoted.product.shell_id == "MS102504100001"

    async def test_a_shell_that_the_machine_never_listed_is_out_of_stock(self, shop: Shop):
        await shop.execute("DELETE FROM stock_levels WHERE shell_id = 'MS102509090019'")

        assert (await refusal(shop)).code is RefusalCode.OUT_OF_STOCK


class TestDevices:
    async def test_a_web_order_is_printed_on_the_default_machine_whatever_it_names(self, open_shop: Shop):
        assert (await price(open_shop, device_id="CXYLOGD8OQUK")).product.device_id == "DEFAULTUK001"

    async def test_an_app_order_is_printed_on_the_machine_that_was_scanned(self, open_shop: Shop):
        quoted = await price(open_shop, channel=Channel.APP, device_id="CXYLOGD8OQUK", customer=None)

        assert quoted.product.device_id == "CXYLOGD8OQUK"

    @pytest.mark.parametrize("device_id", [None, "UNKNOWN", "OUTOFSERVICE"])
    async def test_an_app_order_never_falls_back_to_another_machine(self, shop: Shop, device_id: str | None):
        await shop.execute(
            "INSERT INTO devices (id, name, location, is_default, is_active) VALUES ('OUTOFSERVICE', '', '', false, false)"
        )

        assert (await refusal(shop, channel=Channel.APP, device_id=device_id)).code is RefusalCode.UNKNOWN_DEVICE

    @pytest.mark.parametrize("missing", ["line1", "city", "postcode", "country"])
    async def test_a_parcel_needs_a_whole_address(self, open_shop: Shop, missing: str):
        assert CUSTOMER.address is not None
        address = Address.model_validate({**CUSTOMER.address.model_dump(), missing: " "})

        refused = await refusal(open_shop, customer=CUSTOMER.model_copy(update={"address": address}))

        names = {"line1": "street", "city": "town"}
        assert refused.code is RefusalCode.MISSING_ADDRESS
        assert refused.facts["missing"] == names.get(missing, missing)

    async def test_a_parcel_without_any_customer_is_told_everything_that_is_missing(self, open_shop: Shop):
        refused = await refusal(open_shop, customer=None)

        assert refused.facts["missing"] == "name, e-mail address, street, town, postcode, country"


class TestPrices:
    async def test_add_ons_are_lines_of_their_own(self, open_shop: Shop):
        quoted = await price(open_shop, add_ons=("screen-protector", "screen-protector"), amount=4299)

        assert quoted.total == 4299
        assert [(line.sku, line.unit_amount) for line in quoted.lines] == [("classic", 3500), ("screen-protector", 799)]

    async def test_an_add_on_that_is_not_sold_is_refused(self, open_shop: Shop):
        assert (await refusal(open_shop, add_ons=("gold-plating",))).code is RefusalCode.UNKNOWN_ADD_ON

    @pytest.mark.parametrize("amount", [0, 1, 3499, 3501, 100_000])
    async def test_another_amount_than_ours_is_refused_with_both(self, open_shop: Shop, amount: int):
        refused = await refusal(open_shop, amount=amount)

        assert refused.code is RefusalCode.PRICE_CHANGED
        assert (refused.facts["shown"], refused.facts["price"]) == (amount, 3500)
        assert "£35.00" in refused.message
        assert f"{amount / 100:.2f} GBP" in refused.message

    async def test_the_same_number_in_another_currency_is_refused(self, open_shop: Shop):
        assert (await refusal(open_shop, currency="eur")).code is RefusalCode.PRICE_CHANGED

    async def test_the_newest_price_that_has_begun_is_charged(self, shop: Shop):
        await shop.execute(
            """
            INSERT INTO prices (template_id, amount, valid_from) VALUES
                ('classic', 2999, '2026-03-01T12:00:00Z'), ('classic', 1, '2026-03-01T12:00:01Z')
            """
        )

        assert (await price(shop, amount=2999)).total == 2999


class TestPromotions:
    @pytest.mark.parametrize("amount", [0, 3500, 4299])
    async def test_our_promotion_makes_it_free_whatever_was_shown(self, open_shop: Shop, amount: int):
        quoted = await price(
            open_shop, channel=Channel.APP, device_id="FREEPROMO001", amount=amount, add_ons=("screen-protector",), customer=None
        )

        assert (quoted.total, quoted.promotion_id) == (0, "launch-event")
        assert sum(line.amount for line in quoted.lines) == 0

    @pytest.mark.parametrize(
        "change", ["is_active = false", "starts_at = '2026-03-01T12:00:01Z'", "ends_at = '2026-03-01T12:00:00Z'"]
    )
    async def test_a_promotion_that_does_not_run_gives_nothing_away(self, shop: Shop, change: str):
        await shop.execute(f"UPDATE promotions SET {change}")  # noqa: S608

        refused = await refusal(shop, channel=Channel.APP, device_id="FREEPROMO001", amount=0)

        assert refused.code is RefusalCode.PRICE_CHANGED

    async def test_a_client_cannot_claim_a_promotion_elsewhere(self, open_shop: Shop):
        assert (
            await refusal(open_shop, channel=Channel.APP, device_id="CXYLOGD8OQUK", amount=0)
        ).code is RefusalCode.PRICE_CHANGED


async def test_pricing_is_a_function_of_what_was_found_out(open_shop: Shop):
    """The same facts give the same quote, without the database."""
    request = web_request(await open_shop.upload())
    async with open_shop.database.connect() as connection:
        known = await find_out(connection, request, order_id=None, at=NOW)

    assert known.standing is None
    assert quote(request, known.facts) == quote(request, known.facts) == await open_shop.reader.quote(request, at=NOW)

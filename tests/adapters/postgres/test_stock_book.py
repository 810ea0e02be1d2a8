"""What the manufacturer's lists bring: written once, reported once, and never a size changed behind a design's back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.postgres.engine import Database
from models.errors import IntegrityBroken
from models.production import ManufacturerBrand, StockLevel
from models.stock import Difference, DifferenceKind, Findings, StockCount
from tests.adapters.postgres.shop import NOW, Shop, together

GALAXY = StockLevel(
    model_id="MM020250120000002",
    model_name="Galaxy S22+",
    shell_id="MS102503280099",
    width_mm=75.8,
    height_mm=157.4,
    stock=4,
)
FOLDER = StockLevel(model_id="MM9", model_name="Galaxy Z", shell_id="MS9", width_mm=75.0, height_mm=150.0, stock=1)
LATER = NOW + timedelta(minutes=5)
DEFAULT, WESTFIELD = "DEFAULTUK001", "CXYLOGD8OQUK"


async def samsung(shop: Shop, *levels: StockLevel, minutes: float = 0, device: str = DEFAULT) -> Findings:
    """What a machine's list of Samsung phones brought, so many minutes from now."""
    return await shop.count(levels, at=NOW + timedelta(minutes=minutes), brand="samsung", device=device)


def kinds(differences: tuple[Difference, ...]) -> list[tuple[DifferenceKind, str]]:
    return [(one.kind, one.subject) for one in differences]


class TestReport:
    async def test_of_an_unchanged_world_is_empty_however_often_it_is_read(self, shop: Shop):
        for minutes in range(3):
            assert await samsung(shop, GALAXY, minutes=minutes) == Findings()

        assert await shop.rows("SELECT 1 FROM catalogue_differences") == []
        snapshot = await shop.row("SELECT brand_id, taken_at, failed_at FROM snapshots")
        assert snapshot == {"brand_id": "samsung", "taken_at": NOW + timedelta(minutes=2), "failed_at": None}

    async def test_names_a_new_phone_and_a_new_shell_once(self, shop: Shop):
        second = FOLDER.model_copy(update={"shell_id": "MS9B", "width_mm": 73.0})

        first = await samsung(shop, GALAXY, FOLDER)
        then = await samsung(shop, GALAXY, FOLDER, second, minutes=1)
        finally_ = await samsung(shop, GALAXY, FOLDER, second, minutes=2)

        assert kinds(first.found) == [(DifferenceKind.NEW_MODEL, "MS9")]
        assert kinds(then.found) == [(DifferenceKind.NEW_SHELL, "MS9B")]
        assert finally_ == Findings()

    async def test_names_a_shell_that_another_machine_had_before_as_new_in_this_one(self, shop: Shop):
        await samsung(shop, GALAXY, FOLDER)

        findings = await samsung(shop, GALAXY, FOLDER, device=WESTFIELD)

        assert kinds(findings.found) == [(DifferenceKind.NEW_IN_MACHINE, "MS9")]

    async def test_names_what_is_gone_once_and_what_has_come_back(self, shop: Shop):
        gone = await samsung(shop, minutes=0)
        still_gone = await samsung(shop, minutes=1)
        back = await samsung(shop, GALAXY, minutes=2)
        gone_again = await samsung(shop, minutes=3)

        assert kinds(gone.found) == [(DifferenceKind.GONE, GALAXY.shell_id)]
        assert still_gone == Findings()
        assert (back.found, kinds(back.settled)) == ((), [(DifferenceKind.GONE, GALAXY.shell_id)])
        assert kinds(gone_again.found) == [(DifferenceKind.GONE, GALAXY.shell_id)]

    async def test_of_a_shell_that_is_sold_out_is_empty(self, shop: Shop):
        assert await samsung(shop, GALAXY.model_copy(update={"stock": 0})) == Findings()

    async def test_names_another_size_until_it_is_settled_and_each_further_one(self, shop: Shop):
        swapped = GALAXY.model_copy(update={"width_mm": 75.95, "height_mm": 156.04})
        corrected = GALAXY.model_copy(update={"width_mm": 75.9, "height_mm": 157.5})

        first = await samsung(shop, swapped)
        again = await samsung(shop, swapped, minutes=1)
        other = await samsung(shop, corrected, minutes=2)
        await shop.execute("UPDATE shells SET width_mm = 75.9, height_mm = 157.5 WHERE id = :id", id=GALAXY.shell_id)
        accepted = await samsung(shop, corrected, minutes=3)

        assert [(one.kind, one.note) for one in first.found] == [
            (DifferenceKind.OTHER_SIZE, "listed as 75.95 × 156.04 mm, sold as 75.8 × 157.4 mm")
        ]
        assert again == Findings()
        assert (len(other.found), other.settled) == (1, first.found)
        assert (accepted.found, accepted.settled) == ((), other.found)

    async def test_knows_a_size_by_its_hundredths_of_a_millimetre(self, shop: Shop):
        assert await samsung(shop, GALAXY.model_copy(update={"width_mm": 75.8004})) == Findings()

    @pytest.mark.parametrize("size", [(None, None), (0.0, 150.0), (75.0, 9_999_999.0), (float("nan"), 150.0), (150.0, 150.0)])
    async def test_names_a_size_that_no_case_has(self, shop: Shop, size: tuple[float | None, float | None]):
        changed = {"width_mm": size[0], "height_mm": size[1]}

        findings = await samsung(shop, GALAXY.model_copy(update=changed), FOLDER.model_copy(update=changed))

        assert kinds(findings.found) == [
            (DifferenceKind.IMPLAUSIBLE_SIZE, GALAXY.shell_id),
            (DifferenceKind.IMPLAUSIBLE_SIZE, FOLDER.shell_id),
        ]
        assert await shop.rows("SELECT 1 FROM shells WHERE id = 'MS9'") == []
        assert await size_of(shop, GALAXY) == (75.8, 157.4)

    async def test_of_a_new_shell_whose_size_came_later(self, shop: Shop):
        await samsung(shop, GALAXY, FOLDER.model_copy(update={"width_mm": None}))

        findings = await samsung(shop, GALAXY, FOLDER, minutes=1)

        assert kinds(findings.found) == [(DifferenceKind.NEW_MODEL, "MS9")]
        assert kinds(findings.settled) == [(DifferenceKind.IMPLAUSIBLE_SIZE, "MS9")]

    async def test_names_a_shell_that_is_listed_for_another_phone(self, shop: Shop):
        """The manufacturer refuses an order whose shell is not of its phone."""
        findings = await samsung(shop, GALAXY.model_copy(update={"model_id": "MM77", "model_name": "Galaxy S23+"}))

        assert kinds(findings.found) == [(DifferenceKind.OTHER_MODEL, GALAXY.shell_id)]

    async def test_can_be_asked_for_again(self, shop: Shop):
        """Whoever stored it may have died before it could say what it found."""
        levels = (FOLDER,)
        findings = await samsung(shop, *levels)

        assert kinds(findings.found) == [(DifferenceKind.NEW_MODEL, "MS9"), (DifferenceKind.GONE, GALAXY.shell_id)]
        assert await samsung(shop, *levels) == findings

    async def test_a_list_that_is_older_than_what_is_written_changes_nothing(self, shop: Shop):
        await samsung(shop, GALAXY, minutes=1)

        assert await samsung(shop, FOLDER, minutes=0.5) == Findings()

        assert await shop.rows("SELECT 1 FROM shells WHERE id = 'MS9'") == []
        (item,) = await shop.catalog.stock_items(device_id=None, manufacturer_brand_id="BR020250120000001")
        assert (item.shell_id, item.sellable, item.taken_at) == (GALAXY.shell_id, 4, NOW + timedelta(minutes=1))


class TestList:
    async def test_a_shell_that_is_listed_twice_is_sold_by_the_lower_count(self, shop: Shop):
        """With the size that came first; the other one is reported."""
        twice = FOLDER.model_copy(update={"stock": 9, "width_mm": 70.0})

        first = await samsung(shop, GALAXY, FOLDER, twice)
        then = await samsung(shop, GALAXY, FOLDER, twice, minutes=1)

        assert kinds(first.found) == [(DifferenceKind.NEW_MODEL, "MS9"), (DifferenceKind.NEW_MODEL, "MS9")]
        assert kinds(then.found) == [(DifferenceKind.OTHER_SIZE, "MS9")]
        assert (await shop.row("SELECT stock FROM stock_levels WHERE shell_id = 'MS9'"))["stock"] == 1
        assert await size_of(shop, FOLDER) == (75.0, 150.0)

    async def test_machines_with_the_same_news_write_it_once(self, shop: Shop, another_process: Callable[[], Database]):
        shops = [Shop(another_process()) for _ in range(3)]
        second = FOLDER.model_copy(update={"shell_id": "MS9B", "width_mm": 73.0})
        machines = (DEFAULT, WESTFIELD, "FREEPROMO001")

        found = await together(
            *(samsung(one, GALAXY, FOLDER, second, device=machine) for one, machine in zip(shops, machines, strict=True))
        )

        assert [len(findings.found) for findings in found] == [2, 2, 2]
        assert len(await shop.rows("SELECT 1 FROM shells WHERE id IN ('MS9', 'MS9B')")) == 2
        assert len(await shop.rows("SELECT 1 FROM shells WHERE phone_model_id = 'mm9' AND is_default")) == 1

    async def test_of_a_brand_that_we_do_not_have_is_refused(self, shop: Shop):
        with pytest.raises(IntegrityBroken, match="nokia"):
            await shop.stock.store_stock(StockCount(device_id=DEFAULT, brand_id="nokia", levels=(), taken_at=NOW))

    async def test_the_brands_that_customers_see_are_counted(self, shop: Shop):
        assert [brand.brand_id for brand in await shop.stock.brands_to_count()] == ["iphone", "samsung", "google"]


class TestFailure:
    async def test_stands_beside_the_age_of_the_list_until_it_is_read_again(self, shop: Shop):
        await samsung(shop, GALAXY)
        record = shop.stock.record_failure

        assert await record("device is unavailable", at=LATER, device_id=DEFAULT, brand_id="samsung") == NOW
        row = await shop.row("SELECT taken_at, failed_at, failure FROM snapshots")
        assert row == {"taken_at": NOW, "failed_at": LATER, "failure": "device is unavailable"}

        await samsung(shop, GALAXY, minutes=6)
        assert (await shop.row("SELECT failed_at, failure FROM snapshots")) == {"failed_at": None, "failure": ""}

    async def test_of_a_list_that_was_never_read_has_no_age(self, shop: Shop):
        assert await shop.stock.record_failure("no", at=NOW, device_id=DEFAULT, brand_id="samsung") is None
        assert await shop.stock.record_failure("no", at=NOW) is None

    async def test_that_is_older_than_the_list_is_forgotten(self, shop: Shop):
        await samsung(shop, GALAXY, minutes=5)

        await shop.stock.record_failure("too late", at=NOW, device_id=DEFAULT, brand_id="samsung")

        assert (await shop.row("SELECT failed_at FROM snapshots"))["failed_at"] is None


class TestBrands:
    async def test_that_are_known_bring_nothing(self, shop: Shop):
        for minutes in range(2):
            assert await read(shop, await known_brands(shop), minutes=minutes) == Findings()

    async def test_that_is_new_is_written_once_and_not_shown(self, shop: Shop):
        brands = [*await known_brands(shop), ManufacturerBrand(brand_id="BR9", name="诺基亚", english_name="Nokia")]

        first, then = await read(shop, brands), await read(shop, brands, minutes=1)

        assert (kinds(first.found), then) == ([(DifferenceKind.NEW_BRAND, "BR9")], Findings())
        assert "Nokia" not in {brand.display_name for brand in await shop.catalog.brands()}
        assert (await shop.row("SELECT is_listed, is_available FROM brands WHERE id = 'br9'")) == {
            "is_listed": False,
            "is_available": False,
        }

    async def test_with_a_name_that_is_taken_leaves_orders_for_that_name_alone(self, shop: Shop):
        brands = [*await known_brands(shop), ManufacturerBrand(brand_id="BR9", name="苹果", english_name="Apple")]

        await read(shop, brands)

        brand = await shop.catalog.brand("apple")
        assert (brand and brand.id) == "iphone"
        await shop.place()

    async def test_that_is_gone_or_renamed_is_reported_and_stays(self, shop: Shop):
        apple, *others = await known_brands(shop)
        renamed = [one.model_copy(update={"english_name": "Galaxy"}) if one.english_name == "SAMSUNG" else one for one in others]

        first = await read(shop, renamed)
        again = await read(shop, renamed, minutes=1)
        back = await read(shop, [apple, *others], minutes=2)

        assert kinds(first.found) == [
            (DifferenceKind.OTHER_NAME, "BR020250120000001"),
            (DifferenceKind.GONE, apple.brand_id),
        ]
        assert again == Findings()
        assert (back.found, back.settled) == ((), first.found)
        assert len(await shop.catalog.brands()) == 3


async def read(shop: Shop, brands: list[ManufacturerBrand], *, minutes: float = 0) -> Findings:
    return await shop.stock.store_brands(brands, taken_at=NOW + timedelta(minutes=minutes))


async def known_brands(shop: Shop) -> list[ManufacturerBrand]:
    rows = await shop.rows("SELECT manufacturer_brand_id, name, native_name FROM brands ORDER BY display_order")
    return [
        ManufacturerBrand(brand_id=row["manufacturer_brand_id"], name=row["native_name"], english_name=row["name"])
        for row in rows
    ]


async def size_of(shop: Shop, level: StockLevel) -> tuple[float, float]:
    row = await shop.row("SELECT width_mm, height_mm FROM shells WHERE id = :id", id=level.shell_id)
    return float(row["width_mm"]), float(row["height_mm"])

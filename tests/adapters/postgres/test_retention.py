"""What nobody needs goes, what somebody needs stays, whatever is shared, sent again or interrupted in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from activities.retention import RetentionActivities
from adapters.claiming import ClaimingStore
from adapters.postgres.designs import PostgresDesigns
from adapters.postgres.generations import PostgresGenerations
from adapters.postgres.retention import PostgresClaims, PostgresRetention
from adapters.r2 import R2Store, open_store
from config.groups import StorageSettings
from dev.emulators.s3 import S3EmulatorSettings, create_app
from dev.emulators.serving import serving
from models.artwork import PictureKind, PrintFile, StoredImage, Upload, object_key, print_size, sha256_of
from models.design import Design, DesignDocument, DesignNames, KeptDesign, PhotoLayer, StickerLayer
from models.errors import ProviderUnavailable
from models.generation import GenerationState, answer_key
from models.order import OrderStatus
from models.retention import EraseObjects, GivenUp, GiveUp, RetentionPolicy
from tests.adapters.postgres.shop import IPHONE_15_PRO, NOW, Shop, step
from tests.adapters.postgres.test_generations import made, wish

POLICY = RetentionPolicy()
MONTH = POLICY.designs + timedelta(hours=1)
DAY = timedelta(days=1)
WIDTH, HEIGHT = print_size(*IPHONE_15_PRO)
SHELL = "MS102509090019"
WAITING = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@dataclass
class House:
    """A shop whose pictures are in a real bucket."""

    shop: Shop
    bucket: R2Store
    store: ClaimingStore
    book: PostgresRetention

    async def keep(self, data: bytes, folder: str, media_type: str = "image/png") -> StoredImage:
        key = object_key(folder, sha256_of(data), media_type)
        await self.store.put(key, data, media_type=media_type)
        return StoredImage(key=key, sha256=sha256_of(data), media_type=media_type, width=WIDTH, height=HEIGHT, size=len(data))

    async def upload(
        self, data: bytes, *, name: str = "", kind: PictureKind = PictureKind.FINAL, at: datetime = NOW, folder: str = "uploads"
    ) -> Upload:
        image = await self.keep(data, folder)
        template = "classic" if kind is PictureKind.FINAL else None
        upload = Upload(name=name or f"{data.hex()[:20]}.png", template_id=template, image=image, created_at=at, kind=kind)
        await self.shop.uploads.add(upload)
        return upload

    async def draw(self, data: bytes, *photos: str, sticker: str | None = None, at: datetime = NOW) -> KeptDesign:
        """Keep a design of these photos."""
        names = DesignNames(token=f"token-{data.hex()}", final=f"final-{data.hex()}.png", preview=f"preview-{data.hex()}.webp")
        design = Design(
            print_image=await self.keep(data, "print"),
            preview=await self.keep(data + b" small", "previews", "image/webp"),
            shell_id=SHELL,
            renderer_version="1",
            warnings=(),
        )
        document = DesignDocument(
            template_id="classic",
            photos=tuple(PhotoLayer(photo=photo) for photo in photos),
            stickers=(StickerLayer(photo=sticker, x=0.5, y=0.5, width=0.2),) if sticker else (),
        )
        kept = KeptDesign(names=names, document=document, design=design, at=at)
        await PostgresDesigns(self.shop.database).keep(kept)
        return kept

    async def order(self, upload: str) -> UUID:
        return (await self.shop.place(upload=upload)).order_id

    async def print_file(self, order_id: UUID, approved: StoredImage, data: bytes) -> PrintFile:
        image = await self.keep(data, "print")
        facts = image.model_dump(include={"key", "sha256", "width", "height", "size"})
        file = PrintFile(**facts, approved_sha256=approved.sha256, shell_id=SHELL, renderer_version="1")
        await self.shop.orders.record_print_file(order_id, file, step(order_id, 2, OrderStatus.PREPARING))
        return file

    async def enter(self, order_id: UUID, status: OrderStatus, *, at: datetime = NOW, version: int = 3) -> None:
        await self.shop.orders.record(step(order_id, version, status).model_copy(update={"at": at}))

    async def give_up(self, at: datetime) -> GivenUp:
        return await self.book.give_up(GiveUp(policy=POLICY, at=at))

    async def run(self, at: datetime) -> set[str]:
        """One whole run; says which classes of objects lost some."""
        await self.give_up(at)
        request = EraseObjects(policy=POLICY, at=at)
        erased = [await book(request, self.bucket.delete) for book in (self.book.erase, self.book.erase_answers)]
        assert not [reason for part in erased for reason in part.reasons]
        return {folder.folder for part in erased for folder in part.folders}

    async def runs(self, at: datetime) -> set[str]:
        """Two runs, a day apart: what one gives up, the next one erases."""
        return await self.run(at) | await self.run(at + DAY)


@pytest.fixture
async def house(shop: Shop, tmp_path: Path) -> AsyncIterator[House]:
    async with serving(create_app(S3EmulatorSettings(folder=tmp_path, buckets=("pictures",)))) as url:
        settings = StorageSettings(
            endpoint_url=url,
            bucket="pictures",
            access_key_id="EXAMPLE-ACCESS-KEY",
            secret_access_key=SecretStr("EXAMPLE-SECRET-KEY"),
        )
        async with open_store(settings) as bucket:
            store = ClaimingStore(bucket, PostgresClaims(shop.database))
            yield House(shop, bucket, store, PostgresRetention(shop.database))


class TestWhatWasNeverOrdered:
    @pytest.mark.parametrize("kind", [PictureKind.FINAL, PictureKind.PHOTO, PictureKind.GENERATED, PictureKind.PREVIEW])
    async def test_an_upload_is_kept_for_thirty_days_then_shown_to_nobody_and_a_day_later_erased(
        self, house: House, kind: PictureKind
    ):
        upload = await house.upload(b"picture", kind=kind)
        assert await house.run(NOW + POLICY.designs - timedelta(minutes=1)) == set()
        assert await house.shop.uploads.find(upload.name) == upload

        assert await house.run(NOW + MONTH) == set(), "given up, and in its grace"
        assert await house.shop.uploads.find(upload.name) is None
        assert await house.bucket.exists(upload.image.key)

        assert await house.run(NOW + MONTH + DAY) == {"uploads"}
        assert not await house.bucket.exists(upload.image.key)
        assert await house.run(NOW + MONTH + 2 * DAY) == set()

    async def test_a_design_and_all_of_its_pictures_go_with_its_row(self, house: House):
        photo = await house.upload(b"photo", kind=PictureKind.PHOTO, folder="photos")
        design = await house.draw(b"design", photo.name)
        assert await house.runs(NOW + MONTH) == {"photos", "print", "previews"}
        assert await PostgresDesigns(house.shop.database).find(design.names.token) is None
        assert await house.shop.rows("SELECT token FROM designs") == []
        assert len(await house.shop.rows("SELECT name FROM uploads")) == 3, "names stay, for those who come with one"

    async def test_a_photo_lives_as_long_as_the_last_design_with_it(self, house: House):
        photo = await house.upload(b"photo", kind=PictureKind.PHOTO, folder="photos")
        pasted = await house.upload(b"pasted", kind=PictureKind.PHOTO, folder="photos")
        await house.draw(b"design", photo.name, sticker=pasted.name, at=NOW + timedelta(days=29))
        assert await house.runs(NOW + MONTH) == set()
        assert await house.runs(NOW + timedelta(days=29) + MONTH) == {"photos", "print", "previews"}

    async def test_a_generations_photo_picture_and_answers_go(self, house: House):
        photo = await house.upload(b"photo", kind=PictureKind.PHOTO, folder="photos")
        asked, book = wish(photo=photo.image), PostgresGenerations(house.shop.database)
        await book.begin(asked)
        answer = answer_key(asked.generation_id, 1)
        await house.store.put(answer, b"as it came", media_type="image/png")
        result = made(asked)
        assert result.picture is not None
        await house.store.put(result.picture.image.key, b"a picture", media_type="image/jpeg")
        await book.finish(asked, result, at=NOW)
        assert result.state is GenerationState.MADE

        assert await house.runs(NOW + timedelta(days=20)) == set()
        assert await house.runs(NOW + MONTH) == {"photos", "generated", "answers"}
        for key in (answer, photo.image.key, result.picture.image.key):
            assert not await house.bucket.exists(key)


class TestOrders:
    @pytest.mark.parametrize("status", [OrderStatus.AWAITING_PAYMENT, OrderStatus.ON_HOLD, OrderStatus.SHIPPED])
    async def test_an_order_that_is_not_over_keeps_everything_however_long_it_takes(self, house: House, status: OrderStatus):
        photo = await house.upload(b"photo", kind=PictureKind.PHOTO, folder="photos")
        design = await house.draw(b"design", photo.name)
        order = await house.order(design.names.final)
        await house.print_file(order, design.design.print_image, b"printed")
        await house.enter(order, status)
        assert await house.runs(NOW + timedelta(days=400)) == set()
        assert await PostgresDesigns(house.shop.database).find(design.names.token) == design

    @pytest.mark.parametrize("status", [status for status in OrderStatus if status.is_final])
    async def test_an_order_keeps_everything_for_thirty_days_after_its_end(self, house: House, status: OrderStatus):
        photo = await house.upload(b"photo", kind=PictureKind.PHOTO, folder="photos")
        design = await house.draw(b"design", photo.name)
        order = await house.order(design.names.final)
        await house.print_file(order, design.design.print_image, b"printed")
        ended = NOW + timedelta(days=100)
        await house.enter(order, status, at=ended)
        assert await house.runs(ended + POLICY.orders - 2 * DAY) == set()
        assert await house.runs(ended + MONTH) == {"photos", "print", "previews"}
        (row,) = await house.shop.rows("SELECT sha256, erased_at FROM print_files")
        assert row["erased_at"] is not None, "the proof stays, its file is gone"
        assert len(await house.shop.rows("SELECT id FROM orders")) == 1

    async def test_what_was_generated_for_an_order_is_kept_as_long_as_the_order(self, house: House):
        photo = await house.upload(b"photo", kind=PictureKind.PHOTO, folder="photos")
        order = await house.order((await house.upload(b"final")).name)
        asked, book = wish(photo=photo.image, order_id=order), PostgresGenerations(house.shop.database)
        await book.begin(asked)
        await house.store.put(f"generated/{sha256_of(b'a picture')}.jpg", b"a picture", media_type="image/jpeg")
        await book.finish(asked, made(asked), at=NOW)
        assert await house.runs(NOW + 3 * MONTH) == {"answers"}
        await house.enter(order, OrderStatus.FAILED, at=NOW + 3 * MONTH, version=2)
        assert await house.runs(NOW + 5 * MONTH) == {"photos", "generated", "uploads"}


class TestSharing:
    async def test_what_two_have_sent_goes_with_the_last_of_them(self, house: House):
        first = await house.upload(b"same", name="first.png")
        await house.upload(b"same", name="second.png", at=NOW + timedelta(days=20))
        assert await house.runs(NOW + MONTH) == set()
        assert await house.shop.uploads.find("first.png") == first
        assert await house.runs(NOW + timedelta(days=20) + MONTH) == {"uploads"}

    async def test_a_print_file_that_two_orders_have_goes_with_the_last_of_them(self, house: House):
        one, two = [await house.upload(b"same", name=name) for name in ("one.png", "two.png")]
        ended, open_ = await house.order(one.name), await house.order(two.name)
        file = await house.print_file(ended, one.image, b"printed")
        await house.enter(ended, OrderStatus.COMPLETED)
        assert await house.runs(NOW + MONTH) == set()
        assert await house.bucket.exists(file.key)
        await house.enter(open_, OrderStatus.CANCELED, at=NOW + MONTH, version=2)
        assert await house.runs(NOW + 2 * MONTH) == {"uploads", "print"}

    async def test_a_drawn_file_that_is_printed_as_it_is_stays_while_either_is_needed(self, house: House):
        """Its object has two rows: the approved picture, and the print file that was made of it by leaving it as it is."""
        design = await house.draw(b"design")
        order = await house.order(design.names.final)
        file = await house.print_file(order, design.design.print_image, b"design")
        await house.enter(order, OrderStatus.COMPLETED)
        await house.upload(b"design", name="again.png", at=NOW + timedelta(days=29), folder="print")
        assert await house.runs(NOW + MONTH) == {"previews"}
        assert await house.bucket.exists(file.key)

    @pytest.mark.parametrize("given_up", ["assets", "print_files"])
    async def test_an_object_with_two_rows_is_erased_only_when_both_were_given_up(self, house: House, given_up: str):
        design = await house.draw(b"design")
        file = await house.print_file(await house.order(design.names.final), design.design.print_image, b"design")
        await house.shop.execute(f"UPDATE {given_up} SET removed_at = :at WHERE key = :key", at=NOW, key=file.key)  # noqa: S608
        erased = await house.book.erase(EraseObjects(policy=POLICY, at=NOW + DAY), house.bucket.delete)
        assert erased.folders == ()
        assert await house.bucket.exists(file.key)


class TestSentAgain:
    async def test_in_its_grace_a_picture_that_is_sent_again_stays(self, house: House):
        await house.upload(b"picture", name="old.png")
        await house.run(NOW + MONTH)
        again = await house.upload(b"picture", name="new.png", at=NOW + MONTH + timedelta(hours=1))
        assert await house.run(NOW + MONTH + DAY) == set()
        assert await house.bucket.get(again.image.key) == b"picture"
        assert await house.shop.uploads.find("new.png") == again

    async def test_after_it_was_erased_it_is_stored_anew(self, house: House):
        await house.upload(b"picture", name="old.png")
        await house.runs(NOW + MONTH)
        again = await house.upload(b"picture", name="new.png", at=NOW + 2 * MONTH)
        assert await house.bucket.get(again.image.key) == b"picture"
        assert await house.runs(NOW + 2 * MONTH) == set()
        assert await house.runs(NOW + 4 * MONTH) == {"uploads"}

    @pytest.mark.parametrize("written_down", [True, False], ids=["picture", "print file"])
    async def test_while_it_is_being_erased_whoever_sends_it_waits_and_then_stores_it(self, house: House, written_down: bool):
        """The dangerous moment: the object is still there, so who only looked would not store it, and then it is gone."""
        upload = await house.upload(b"picture", name="old.png")
        key = upload.image.key
        if not written_down:
            order = await house.order(upload.name)
            key = (await house.print_file(order, upload.image, b"printed")).key
            await house.enter(order, OrderStatus.COMPLETED)
        data = b"picture" if written_down else b"printed"
        await house.give_up(NOW + MONTH)
        senders: list[asyncio.Task[None]] = []

        async def remove(keys):
            if key in keys:
                senders.append(asyncio.create_task(house.store.put(key, data, media_type="image/png")))
                while not (await house.shop.row(WAITING))["number"]:
                    assert not senders[0].done(), "it looked without waiting"
            return await house.bucket.delete(keys)

        await house.book.erase(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY), remove)
        await asyncio.gather(*senders)
        assert len(senders) == 1
        assert await house.bucket.get(key) == data
        assert (await house.book.erase(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY), house.bucket.delete)).folders == ()

    async def test_an_answer_that_was_paid_for_is_kept_without_a_database(self, house: House, monkeypatch):
        async def claim(self, key):
            raise ProviderUnavailable("no database", provider="postgres")

        monkeypatch.setattr(PostgresClaims, "claim", claim)
        key = answer_key(uuid4(), 1)
        await house.store.put(key, b"paid for", media_type="image/png")
        assert await house.bucket.get(key) == b"paid for"
        with pytest.raises(ProviderUnavailable):
            await house.store.put("generated/picture.png", b"made of it", media_type="image/png")

    async def test_whoever_looked_right_before_it_was_given_up_has_the_grace_to_use_it(self, house: House):
        """Stored, not yet written down, and given up in between."""
        upload = await house.upload(b"picture", name="old.png")
        await house.store.put(upload.image.key, b"picture", media_type="image/png")
        await house.run(NOW + MONTH)
        await house.shop.uploads.add(upload.model_copy(update={"name": "new.png", "created_at": NOW + MONTH}))
        await house.run(NOW + MONTH + DAY)
        assert await house.bucket.get(upload.image.key) == b"picture"

    async def test_what_was_ordered_in_the_very_moment_is_kept_after_all(self, house: House):
        upload = await house.upload(b"picture", name="old.png")
        await house.run(NOW + MONTH)
        await house.shop.execute("UPDATE assets SET removed_at = NULL")  # as the order saw it, a moment before
        await house.order(upload.name)
        await house.shop.execute("UPDATE assets SET removed_at = :at", at=NOW + MONTH)
        assert (await house.give_up(NOW + MONTH + DAY)).kept_after_all == 1
        assert await house.run(NOW + MONTH + DAY) == set()
        assert await house.bucket.exists(upload.image.key)

    async def test_a_print_file_that_was_given_up_is_made_anew_and_not_found(self, house: House):
        upload = await house.upload(b"picture")
        order = await house.order(upload.name)
        file = await house.print_file(order, upload.image, b"printed")
        await house.enter(order, OrderStatus.COMPLETED)
        wanted = {"approved_sha256": upload.image.sha256, "shell_id": SHELL, "renderer_version": "1"}
        assert await house.shop.orders.find_print_file(**wanted) == file
        await house.give_up(NOW + MONTH)
        assert await house.shop.orders.find_print_file(**wanted) is None


class TestInterrupted:
    async def test_a_crash_between_erasing_and_writing_down_is_made_up_for_by_the_next_run(self, house: House):
        uploads = [await house.upload(bytes([number])) for number in range(3)]
        await house.give_up(NOW + MONTH)

        async def remove(keys):
            await house.bucket.delete(keys)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await house.book.erase(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY), remove)
        assert [await house.bucket.exists(one.image.key) for one in uploads] == [False] * 3
        assert await house.shop.rows("SELECT key FROM assets WHERE erased_at IS NOT NULL") == []
        assert await house.run(NOW + MONTH + DAY) == {"uploads"}
        assert await house.shop.rows("SELECT key FROM assets WHERE erased_at IS NULL") == []

    async def test_an_object_that_cannot_be_erased_keeps_no_other_from_it_and_is_due_again(self, house: House):
        uploads = [await house.upload(bytes([number])) for number in range(3)]
        stubborn = uploads[1].image.key
        await house.give_up(NOW + MONTH)

        async def remove(keys):
            await house.bucket.delete([key for key in keys if key != stubborn])
            return {stubborn: "it will not"}

        erased = await house.book.erase(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY), remove)
        assert (erased.failed, erased.folders[0].objects, erased.reasons) == (1, 2, (f"{stubborn}: it will not",))
        assert await house.bucket.exists(stubborn)
        assert await house.run(NOW + MONTH + 2 * DAY) == {"uploads"}
        assert not await house.bucket.exists(stubborn)

    async def test_many_batches_are_worked_off_and_each_byte_is_counted(self, house: House, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("adapters.postgres.retention.BATCH", 2)
        for number in range(5):
            await house.upload(bytes([number]) * 10)
        await house.give_up(NOW + MONTH)
        steps = RetentionActivities(house.book, house.bucket)
        erased = await steps.erase_objects(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY))
        assert [(folder.folder, folder.objects, folder.size) for folder in erased.folders] == [("uploads", 5, 50)]
        assert erased.last is None

    async def test_a_bucket_that_is_away_is_an_outage_to_be_tried_again(self, house: House):
        await house.upload(b"picture")
        await house.give_up(NOW + MONTH)

        class Away:
            async def delete(self, keys):
                return dict.fromkeys(keys, "away")

        with pytest.raises(ProviderUnavailable):
            await RetentionActivities(house.book, Away()).erase_objects(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY))

    async def test_a_bucket_that_is_too_slow_loses_the_lock_and_erases_nothing(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ):
        """Rows may not be locked for long, and nothing may be erased without the lock."""
        monkeypatch.setattr("adapters.postgres.retention.LOCKED_FOR", timedelta(0))
        await house.upload(b"picture")
        await house.give_up(NOW + MONTH)

        async def never(keys):
            await asyncio.Event().wait()

        with pytest.raises(ProviderUnavailable):
            await house.book.erase(EraseObjects(policy=POLICY, at=NOW + MONTH + DAY), never)
        assert await house.shop.rows("SELECT key FROM assets WHERE erased_at IS NOT NULL") == []

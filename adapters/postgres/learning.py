"""Writing what the manufacturer lists into our catalogue where it is missing; nothing that is there is changed."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, any_, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.differences import KnownShell, is_sellable
from models.catalog import match_name
from models.production import ManufacturerBrand, StockLevel
from models.tables import Brand, PhoneModel, Shell
from models.tables import StockLevel as StockLevelRow

NEW_SHELL_KIND = "standard"
AFTER_ALL_OTHERS = 1000
UNNOTICED_COLOR = "#6B7280"
NOT_SOLD_YET = "Currently unavailable"


async def known_shells(
    connection: AsyncConnection, device_id: str, brand_id: str, levels: Iterable[StockLevel]
) -> list[KnownShell]:
    """Return the shells that the list names, and those of the brand that this machine has listed before."""
    rows = await connection.execute(_known_shells(device_id, brand_id, [level.shell_id for level in levels]))
    return [KnownShell.model_validate(dict(row)) for row in rows.mappings()]


async def known_models(connection: AsyncConnection, levels: Iterable[StockLevel]) -> set[str]:
    """Return which of the listed phones are known, by the manufacturer's ids."""
    listed = [level.model_id for level in levels]
    ids = await connection.scalars(
        select(PhoneModel.manufacturer_model_id).where(PhoneModel.manufacturer_model_id == any_(literal(listed)))
    )
    return set(ids)


async def learn_shells(connection: AsyncConnection, brand_id: str, levels: Iterable[StockLevel], known: Iterable[str]) -> None:
    """Write down the phones and shells that are new, to be sold from now on; `known` are the ids of those that are not.

    The caller holds the brand's row, so that two machines with the same news do not both write it.
    """
    seen = set(known)
    for level in levels:
        if level.shell_id not in seen and is_sellable(level):
            seen.add(level.shell_id)
            await _add_shell(connection, level, await _model(connection, level, brand_id))


async def learn_brands(connection: AsyncConnection, brands: Sequence[ManufacturerBrand]) -> None:
    """Write down the brands that are new. Customers see them when an operator lists them.

    A name by which orders mean another brand already stays that one's.
    """
    known = set(await connection.scalars(select(Brand.manufacturer_brand_id)))
    taken = set(await connection.scalars(select(func.unnest(Brand.match_names))))
    last = await connection.scalar(select(func.max(Brand.display_order))) or 0
    for brand in brands:
        if brand.brand_id in known:
            continue
        known.add(brand.brand_id)
        names = {match_name(brand.english_name), match_name(brand.brand_id)} - taken - {""}
        taken |= names
        last += 1
        await connection.execute(
            insert(Brand).values(
                id=brand.brand_id.lower(),
                name=brand.english_name,
                display_name=brand.english_name,
                native_name=brand.name,
                manufacturer_brand_id=brand.brand_id,
                match_names=sorted(names),
                frame_color=UNNOTICED_COLOR,
                button_color=UNNOTICED_COLOR,
                subtitle=NOT_SOLD_YET,
                is_listed=False,
                is_available=False,
                display_order=last,
            )
        )


def _known_shells(device_id: str, brand_id: str, listed: Sequence[str]) -> Select[str, str, str, float, float, bool, bool]:
    is_in_machine = StockLevelRow.shell_id.is_not(None)
    is_of_brand = PhoneModel.brand_id == brand_id
    return (
        select(
            Shell.id,
            PhoneModel.manufacturer_model_id.label("model_id"),
            PhoneModel.display_name.label("model_name"),
            Shell.width_mm,
            Shell.height_mm,
            is_in_machine.label("is_in_machine"),
            is_of_brand.label("is_of_brand"),
        )
        .join(PhoneModel, PhoneModel.id == Shell.phone_model_id)
        .outerjoin(StockLevelRow, (StockLevelRow.shell_id == Shell.id) & (StockLevelRow.device_id == device_id))
        .where(or_(Shell.id == any_(literal(list(listed))), is_in_machine & is_of_brand))
        .order_by(Shell.id)
    )


async def _model(connection: AsyncConnection, level: StockLevel, brand_id: str) -> str:
    """The phone by the manufacturer's id; else one of ours that waited for an id under this name; else a new one."""
    named = PhoneModel.match_names.contains([match_name(level.model_name)])
    found = await connection.scalar(select(PhoneModel.id).where(PhoneModel.manufacturer_model_id == level.model_id))
    if found is not None:
        return found
    waiting = (
        update(PhoneModel)
        .where(PhoneModel.brand_id == brand_id, named, PhoneModel.is_available.is_(False))
        .values(
            manufacturer_model_id=level.model_id,
            match_names=func.array_append(PhoneModel.match_names, match_name(level.model_id)),
            is_available=True,
        )
        .returning(PhoneModel.id)
    )
    adopted = await connection.scalar(waiting)
    if adopted is not None:
        await connection.execute(delete(Shell).where(Shell.phone_model_id == adopted, Shell.is_recorded.is_(False)))
        return adopted
    new = insert(PhoneModel).values(
        id=level.model_id.lower(),
        brand_id=brand_id,
        display_name=level.model_name,
        manufacturer_model_id=level.model_id,
        match_names=sorted({match_name(level.model_name), match_name(level.model_id)}),
        display_order=AFTER_ALL_OTHERS,
    )
    await connection.execute(new)
    return level.model_id.lower()


async def _add_shell(connection: AsyncConnection, level: StockLevel, model_id: str) -> None:
    """The first shell of a phone is its default one."""
    others = await connection.scalar(select(func.count()).where(Shell.phone_model_id == model_id, Shell.is_default))
    await connection.execute(
        insert(Shell).values(
            id=level.shell_id,
            phone_model_id=model_id,
            width_mm=level.width_mm,
            height_mm=level.height_mm,
            kind=NEW_SHELL_KIND,
            is_default=not others,
        )
    )

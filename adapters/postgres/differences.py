"""What a list of the manufacturer says otherwise than we do. Pure: what the database knows comes in as values."""

from collections.abc import Collection, Iterable, Sequence

from models.artwork import is_printable
from models.base import Contract
from models.production import ManufacturerBrand, StockLevel
from models.stock import Difference, DifferenceKind

SIZE_DECIMALS = 2
"""Sizes are kept, and compared, to a hundredth of a millimetre."""


class KnownShell(Contract):
    """A shell that the list names, or that this machine listed before.

    Attributes:
        model_id: The manufacturer's id of its phone.
        is_in_machine: Whether this machine has listed it before.
        is_of_brand: Whether its phone is of the brand that is listed.
    """

    id: str
    model_id: str
    model_name: str
    width_mm: float
    height_mm: float
    is_in_machine: bool
    is_of_brand: bool


class KnownBrand(Contract):
    """A brand of our catalogue."""

    manufacturer_brand_id: str
    name: str
    native_name: str


def is_sellable(level: StockLevel) -> bool:
    """Say whether a shell that we do not know yet can be printed on: its size must be one that a phone case can have."""
    return level.width_mm is not None and level.height_mm is not None and is_printable(level.width_mm, level.height_mm)


def stock_differences(levels: Sequence[StockLevel], known: Iterable[KnownShell], models: Collection[str]) -> list[Difference]:
    """Compare one brand's list with the shells, and the phones (`models`, by the manufacturer's ids), that were known before it.

    A shell that is listed twice is compared twice.
    """
    shells = {shell.id: shell for shell in known}
    found: list[Difference] = []
    for level in levels:
        shell = shells.get(level.shell_id)
        found += _unknown(level, models) if shell is None else _changed(level, shell)
    listed = {level.shell_id for level in levels}
    missing = (shell for shell in shells.values() if shell.is_in_machine and shell.is_of_brand and shell.id not in listed)
    found += (_of(shell, DifferenceKind.GONE) for shell in missing)
    return list(dict.fromkeys(found))


def brand_differences(brands: Sequence[ManufacturerBrand], known: Iterable[KnownBrand]) -> list[Difference]:
    """Compare the list of brands with the brands that were known before it."""
    catalogue = {brand.manufacturer_brand_id: brand for brand in known}
    found: list[Difference] = []
    for listed in brands:
        brand = catalogue.get(listed.brand_id)
        if brand is None:
            found.append(Difference(kind=DifferenceKind.NEW_BRAND, subject=listed.brand_id, name=listed.english_name))
        elif (brand.name, brand.native_name) != (listed.english_name, listed.name):
            note = f"listed as {listed.english_name} ({listed.name}), known as {brand.name} ({brand.native_name})"
            found.append(Difference(kind=DifferenceKind.OTHER_NAME, subject=listed.brand_id, name=brand.name, note=note))
    missing = catalogue.keys() - {brand.brand_id for brand in brands}
    found += (Difference(kind=DifferenceKind.GONE, subject=id_, name=catalogue[id_].name) for id_ in sorted(missing))
    return list(dict.fromkeys(found))


def _unknown(level: StockLevel, models: Collection[str]) -> list[Difference]:
    if not is_sellable(level):
        note = f"listed as {_size(level.width_mm, level.height_mm)}: not sold"
        return [_listed(level, DifferenceKind.IMPLAUSIBLE_SIZE, note)]
    kind = DifferenceKind.NEW_SHELL if level.model_id in models else DifferenceKind.NEW_MODEL
    return [_listed(level, kind, _size(level.width_mm, level.height_mm))]


def _changed(level: StockLevel, shell: KnownShell) -> Iterable[Difference]:
    if not shell.is_in_machine:
        yield _of(shell, DifferenceKind.NEW_IN_MACHINE)
    if level.model_id != shell.model_id:
        note = f"listed for {level.model_name} ({level.model_id}), sold for {shell.model_name} ({shell.model_id})"
        yield _of(shell, DifferenceKind.OTHER_MODEL, note)
    kept = f"listed as {_size(level.width_mm, level.height_mm)}, sold as {_size(shell.width_mm, shell.height_mm)}"
    if not is_sellable(level):
        yield _of(shell, DifferenceKind.IMPLAUSIBLE_SIZE, kept)
    elif _rounded(level.width_mm, level.height_mm) != _rounded(shell.width_mm, shell.height_mm):
        yield _of(shell, DifferenceKind.OTHER_SIZE, kept)


def _of(shell: KnownShell, kind: DifferenceKind, note: str = "") -> Difference:
    return Difference(kind=kind, subject=shell.id, name=shell.model_name, note=note)


def _listed(level: StockLevel, kind: DifferenceKind, note: str) -> Difference:
    return Difference(kind=kind, subject=level.shell_id, name=level.model_name, note=note)


def _size(width_mm: float | None, height_mm: float | None) -> str:
    if width_mm is None or height_mm is None:
        return "no size"
    return f"{width_mm:g} × {height_mm:g} mm"


def _rounded(*sides: float | None) -> tuple[float | None, ...]:
    return tuple(side if side is None else round(side, SIZE_DECIMALS) for side in sides)

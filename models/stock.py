"""What the manufacturer lists, machine by machine and brand by brand, and how that differs from our catalogue."""

from enum import StrEnum

from models.base import Contract, Instant
from models.production import StockLevel


class DifferenceKind(StrEnum):
    """What one of the manufacturer's lists says otherwise than our catalogue, or than the list before it.

    What is *new* happens once and is written into the catalogue. The others stand, and are one difference, until the list agrees
    again.
    """

    NEW_BRAND = "new_brand"
    """Written down, and not shown to customers."""
    NEW_MODEL = "new_model"
    NEW_SHELL = "new_shell"
    """Of a phone that we knew."""
    NEW_IN_MACHINE = "new_in_machine"
    """A shell that we knew and that this machine has never listed."""
    GONE = "gone"
    """Listed before and not any more: none of it is sold."""
    OTHER_NAME = "other_name"
    OTHER_MODEL = "other_model"
    """Listed for another phone than we sell it for."""
    OTHER_SIZE = "other_size"
    """Designs were made for the size that we know, so it stays."""
    IMPLAUSIBLE_SIZE = "implausible_size"
    """None, or one that no phone case has. A shell that we do not know is not sold; for others our size stays."""

    @property
    def stands(self) -> bool:
        """Whether it lasts until the list agrees again."""
        return self not in {self.NEW_BRAND, self.NEW_MODEL, self.NEW_SHELL, self.NEW_IN_MACHINE}


class Difference(Contract):
    """One difference.

    Attributes:
        subject: The manufacturer's id of the shell, or of the brand in the list of brands.
        name: What people call it.
        note: What is listed, and what we know instead; the same subject with another note is another difference.
    """

    kind: DifferenceKind
    subject: str
    name: str
    note: str = ""


class StockedBrand(Contract):
    """A brand whose shells are counted: our slug, and the manufacturer's id."""

    brand_id: str
    manufacturer_brand_id: str


class StockCount(Contract):
    """What one machine lists of one brand: a whole list, so whatever it leaves out is not there.

    Attributes:
        taken_at: Before it was asked for: the list is this old or younger.
        known_gone: The holds whose shells were known to have left the shelf before it was asked for: they end with it.
    """

    device_id: str
    brand_id: str
    levels: tuple[StockLevel, ...]
    taken_at: Instant
    known_gone: tuple[int, ...] = ()


class Findings(Contract):
    """What a list brought: differences that are new, and those that it ended."""

    found: tuple[Difference, ...] = ()
    settled: tuple[Difference, ...] = ()


class PlanCount(Contract):
    """Which brands is this machine to be asked for?"""

    device_id: str


class CountPlan(Contract):
    """Every brand that customers see."""

    brands: tuple[StockedBrand, ...]


class CountStock(Contract):
    """Ask a machine for its shells of one brand and store the answer as of `at`."""

    device_id: str
    brand: StockedBrand
    at: Instant


class ReadBrandList(Contract):
    """Ask for the list of brands and store it as of `at`."""

    at: Instant


class ListReading(Contract):
    """A list that was read and stored.

    Attributes:
        title: The brand that it is about, or what else it lists.
        entries: How many things it lists.
        pieces: How many shells that makes; 0 where nothing is counted.
    """

    title: str
    entries: int
    pieces: int = 0
    findings: Findings = Findings()


class StockSync(Contract):
    """Count everything in one machine."""

    device_id: str


class BrandSync(Contract):
    """Read the list of brands."""


class SyncReport(Contract):
    """Everything that was read, in the order in which it was asked for."""

    readings: tuple[ListReading, ...]

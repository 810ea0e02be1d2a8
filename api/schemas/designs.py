"""Design documents as they are sent, and what was drawn of them."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError, field_validator

from api.designs import DesignWish, LinkedDesign
from api.schemas.images import Remark
from api.schemas.words import Text
from models.artwork import PRINT_WIDTH
from models.design import DesignDocument

Name = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _nothing_if_empty(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


class DesignBody(BaseModel):
    """Body of `/api/designs`.

    Attributes:
        brand: Any spelling of it, as in a checkout.
        machine_id: The scanned machine; absent for home delivery.
        mobile_shell_id: Which shell of the phone, where it has several; absent for one that is in stock.
    """

    model_config = ConfigDict(extra="forbid")

    brand: Name
    model: Name
    machine_id: Annotated[Name | None, BeforeValidator(_nothing_if_empty)] = None
    mobile_shell_id: Annotated[Name | None, BeforeValidator(_nothing_if_empty)] = None
    design: DesignDocument

    @field_validator("design", mode="before")
    @classmethod
    def _knows_every_field(cls, value: Any) -> Any:
        """Refuse what would be left out of the print without a word; a stored document may be older or newer than this."""
        try:
            DesignDocument.model_validate(value, extra="forbid")
        except ValidationError as error:
            unknown = [".".join(map(str, item["loc"])) for item in error.errors() if item["type"] == "extra_forbidden"]
            if unknown:
                message = f"has parts that are not known: {', '.join(unknown[:5])}"
                raise ValueError(message) from error
        return value

    def to_wish(self) -> DesignWish:
        """Return what is asked for, in our words."""
        return DesignWish(
            brand=self.brand,
            model=self.model,
            device_id=self.machine_id,
            shell_id=self.mobile_shell_id,
            document=self.design,
        )


class DrawnDesign(BaseModel):
    """Answer of `/api/designs`.

    Attributes:
        design_id: Opens the document again; whoever has it can.
        final_image_url: What a checkout sends: the print file itself.
        print_sha256: Of the file that will be printed.
    """

    success: bool
    design_id: str
    design: DesignDocument
    filename: str
    final_image_url: str
    preview_url: str
    print_sha256: str
    width: int
    height: int
    mobile_shell_id: str
    renderer_version: str
    warnings: list[Remark]

    @classmethod
    def of(cls, linked: LinkedDesign) -> Self:
        kept = linked.kept
        design = kept.design
        return cls(
            success=True,
            design_id=kept.names.token,
            design=kept.document,
            filename=kept.names.final,
            final_image_url=linked.final_url,
            preview_url=linked.preview_url,
            print_sha256=design.print_image.sha256,
            width=PRINT_WIDTH,
            height=design.print_image.height,
            mobile_shell_id=design.shell_id,
            renderer_version=design.renderer_version,
            warnings=[Remark.of(warning) for warning in design.warnings],
        )

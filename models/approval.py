"""A design that is made for an order, and approved before it is ordered."""

from enum import StrEnum

from models.base import Contract, Instant, Sha256
from models.design import Design, DesignDocument, DesignNames, Refusal, RenderDesign
from models.generation import GenerateImage
from models.order import CheckoutRequest, Text


class SubmitDesign(Contract):
    """The design that an order is opened with, or another one in its place while none is approved.

    Attributes:
        render: What is drawn; the AI's picture is put in where `generate` asks for one.
        generate: The picture that an AI template needs first.
        names: Under which the drawing is kept.
        again: Whether the AI makes another picture although it has made one of this photo in this style.
    """

    brand: Text
    model: Text
    device_id: Text | None = None
    render: RenderDesign
    generate: GenerateImage | None = None
    names: DesignNames
    again: bool = False


class ApproveArtwork(Contract):
    """The customer's yes to exactly this print file, and how they want to order it.

    Attributes:
        request: Its upload, phone and machine are the design's own, whatever stands in it.
    """

    print_sha256: Sha256
    request: CheckoutRequest


class ArtworkState(StrEnum):
    """Where the picture of an order stands."""

    DRAWING = "drawing"
    """The AI or the renderer is at work."""
    READY = "ready"
    """There is a preview, and the customer decides."""
    REFUSED = "refused"
    """It cannot be made as asked: the customer changes the design."""
    FAILED = "failed"
    """It could not be made now: the same design may be sent again."""
    APPROVED = "approved"


class ArtworkView(Contract):
    """The picture of an order, for whoever opened it.

    Attributes:
        document: What was drawn; where the AI made a picture, that is its photo now.
        deadline: Until when it can be approved.
    """

    state: ArtworkState
    document: DesignDocument | None = None
    design: Design | None = None
    names: DesignNames | None = None
    refusal: Refusal | None = None
    deadline: Instant | None = None

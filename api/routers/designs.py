"""Design documents in, previews and print files out."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Designs
from api.problems import problems
from api.schemas.designs import DesignBody, DrawnDesign
from api.schemas.words import Text

router = APIRouter(tags=["designs"])


@router.post("/api/designs", responses=problems(409, 422, 503))
async def draw(body: DesignBody, designs: Designs) -> DrawnDesign:
    """Draw a design: its preview, what is doubtful about it, and the print file, to be ordered by `final_image_url`."""
    return DrawnDesign.of(await designs.draw(body.to_wish()))


@router.get("/api/designs/{design_id}", responses=problems(404, 503))
async def design(design_id: Annotated[Text, Path(max_length=200)], designs: Designs) -> DrawnDesign:
    """A design to go on with, on any device of whoever has its id."""
    return DrawnDesign.of(await designs.find(design_id))

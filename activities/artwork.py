"""From the picture that was approved to the file that is printed."""

from temporalio import activity

from activities.ports import AssetStore, DesignBook, DesignRenderer, OrderBook, Renderer
from models.artwork import PRINT_FOLDER, PrintFile, RenderRequest, StoredImage, object_key, print_size, sha256_of
from models.design import ComposedDesign, Design, KeptDesign, RenderDesign
from models.errors import IntegrityBroken, NotThere, OrderRefused, RefusalCode
from models.production import PreparePrintFile

AS_APPROVED = "as approved"
"""What stands in the place of a renderer's version where the customer approved the print file itself."""


class ArtworkActivities:
    """Pictures: read, checked by hash, scaled, stored. Bytes stay here; names and hashes travel."""

    def __init__(
        self, store: AssetStore, renderer: Renderer, designer: DesignRenderer, *, orders: OrderBook, designs: DesignBook
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._designer = designer
        self._orders = orders
        self._designs = designs

    @activity.defn
    async def render_design(self, request: RenderDesign) -> Design:
        """Draw a design document and store print file and preview; the same document gives the same files.

        Raises `OrderRefused` when it cannot be printed as it is, e.g. because a picture that it names is gone.
        """
        pictures = {name: await self._read(name, image) for name, image in request.pictures.items()}
        composed = await self._designer.compose(request.document, request.compose, pictures)
        design = await self._keep(composed, request.shell_id)
        if request.names is not None:
            kept = KeptDesign(names=request.names, document=request.document, design=design, at=request.at)
            await self._designs.keep(kept)
        return design

    async def _read(self, name: str, image: StoredImage) -> bytes:
        try:
            return await self._store.get(image.key)
        except NotThere as error:
            raise OrderRefused(
                "One of the pictures in your design is no longer kept. Please choose it again.",
                code=RefusalCode.UNKNOWN_PICTURE,
                facts={"name": name},
            ) from error

    async def _keep(self, composed: ComposedDesign, shell_id: str) -> Design:
        print_image = StoredImage(
            key=object_key(PRINT_FOLDER, composed.sha256, "image/png"),
            sha256=composed.sha256,
            media_type="image/png",
            width=composed.width,
            height=composed.height,
            size=len(composed.data),
        )
        digest = sha256_of(composed.preview)
        preview = StoredImage(
            key=object_key("previews", digest, "image/webp"),
            sha256=digest,
            media_type="image/webp",
            width=composed.preview_width,
            height=composed.preview_height,
            size=len(composed.preview),
        )
        await self._store.put(print_image.key, composed.data, media_type=print_image.media_type)
        await self._store.put(preview.key, composed.preview, media_type=preview.media_type)
        return Design(
            print_image=print_image,
            preview=preview,
            shell_id=shell_id,
            renderer_version=composed.renderer_version,
            warnings=composed.warnings,
        )

    @activity.defn
    async def prepare_print_file(self, request: PreparePrintFile) -> PrintFile:
        """Make the print file of the approved picture, or find the one that was made before.

        Raises `IntegrityBroken` when the stored picture is not the approved one, `OrderRefused` when it cannot be printed.
        """
        print_file = await self._orders.find_print_file(
            approved_sha256=request.approved_sha256,
            shell_id=request.shell_id,
            renderer_version=self._renderer.version,
        )
        if print_file is None or not await self._store.exists(print_file.key):
            print_file = await self._render(request)
        await self._orders.record_print_file(request.order_id, print_file, request.enters)
        return print_file

    async def _render(self, request: PreparePrintFile) -> PrintFile:
        approved = await self._store.get(request.image.key)
        if (found := sha256_of(approved)) != request.approved_sha256:
            raise IntegrityBroken(f"the stored picture is {found}, the customer approved {request.approved_sha256}")
        if _is_print_file(request):
            return _as_approved(request)
        rendered = await self._renderer.render(approved, RenderRequest(width_mm=request.width_mm, height_mm=request.height_mm))
        key = object_key(PRINT_FOLDER, rendered.sha256, "image/png")
        await self._store.put(key, rendered.data, media_type="image/png")
        return PrintFile(
            key=key,
            sha256=rendered.sha256,
            approved_sha256=request.approved_sha256,
            shell_id=request.shell_id,
            renderer_version=rendered.renderer_version,
            width=rendered.width,
            height=rendered.height,
            size=len(rendered.data),
        )


def _is_print_file(request: PreparePrintFile) -> bool:
    """Whether the customer approved a file that we had drawn for exactly this shell: then nothing is left to do to it."""
    image = request.image
    is_ours = image.key == object_key(PRINT_FOLDER, image.sha256, "image/png")
    return is_ours and (image.width, image.height) == print_size(request.width_mm, request.height_mm)


def _as_approved(request: PreparePrintFile) -> PrintFile:
    image = request.image
    return PrintFile(
        key=image.key,
        sha256=image.sha256,
        approved_sha256=request.approved_sha256,
        shell_id=request.shell_id,
        renderer_version=AS_APPROVED,
        width=image.width,
        height=image.height,
        size=image.size,
    )

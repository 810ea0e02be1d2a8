"""From the picture that was approved to the file that is printed."""

from temporalio import activity

from activities.ports import AssetStore, OrderBook, Renderer
from models.artwork import PrintFile, RenderRequest, sha256_of
from models.errors import IntegrityBroken
from models.production import PreparePrintFile


class ArtworkActivities:
    """Pictures: read, checked by hash, scaled, stored. Bytes stay here; names and hashes travel."""

    def __init__(self, store: AssetStore, renderer: Renderer, orders: OrderBook) -> None:
        self._store = store
        self._renderer = renderer
        self._orders = orders

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
        rendered = await self._renderer.render(approved, RenderRequest(width_mm=request.width_mm, height_mm=request.height_mm))
        key = f"print/{rendered.sha256}.png"
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

"""Links to print files for the manufacturer's people, who may need a file again that their machine has lost.

They are the links that a machine is given, for one order and a limited time. What must not be printed is not given out.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from adapters.links import Audience, SignedImageLinks
from api.errors import NotFound
from models.artwork import ImageLink
from models.errors import OrderRefused, RefusalCode
from models.tracking import PRINT_FILE_SHOWN, PrintJob

NOT_THEIRS = "There is no order of this name that was given to you for printing."

log = structlog.get_logger(__name__)


class PrintLinks:
    """Makes the links, and writes down each that it gives out and to whom."""

    def __init__(self, links: SignedImageLinks, *, clock: Callable[[], datetime]) -> None:
        self._links = links
        self._clock = clock

    def of(self, job: PrintJob, *, lifetime: timedelta, partner: str) -> ImageLink:
        """Return the link to an order's print file.

        Raises `NotFound` for an order that the manufacturer does not have, `OrderRefused` (`order_closed`) for one that must not
        be printed (any more).
        """
        now = self._clock()
        if job.print_reference is None or job.print_sha256 is None:
            raise NotFound(NOT_THEIRS)
        if job.must_not_be_printed:
            raise OrderRefused("This order was cancelled. It must not be printed.", code=RefusalCode.ORDER_CLOSED)
        if not job.is_shown(now):
            message = f"This order was printed more than {PRINT_FILE_SHOWN.days} days ago."
            raise OrderRefused(message, code=RefusalCode.ORDER_CLOSED)
        name = f"{job.print_sha256}.png"
        link = self._links.link(name, audience=Audience.MANUFACTURER, expires_at=now + lifetime, order_id=job.order_id)
        log.info(
            "a print file's link was given out",
            partner=partner,
            order_id=str(job.order_id),
            reference=job.print_reference,
            expires_at=link.expires_at.isoformat(),
        )
        return link

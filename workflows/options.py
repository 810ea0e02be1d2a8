"""Task queues, timeouts and retry policies, each under the name of its reason.

Every activity has a `start_to_close` (one try), and a `schedule_to_close` (all tries: the budget) unless it must succeed however
long that takes. Error types are class names of `models/errors.py`.
"""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

ORDERS_TASK_QUEUE = "orders"
"""Workflows, database and Stripe."""
ARTWORK_TASK_QUEUE = "artwork"
"""Print files: processor time."""
GENERATION_TASK_QUEUE = "generation"
"""The AI, which is waited for: many at once, and never in the way of a print file."""
MANUFACTURER_TASK_QUEUE = "manufacturer"
"""The partner, with a rate limit of its own."""


class LocalActivityOptions(TypedDict, total=False):
    """The part of `workflow.execute_local_activity_method`'s options that is decided here."""

    start_to_close_timeout: timedelta
    local_retry_threshold: timedelta
    retry_policy: RetryPolicy


class ActivityOptions(TypedDict, total=False):
    """The part of `workflow.execute_activity_method`'s options that is decided here."""

    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


HEARTBEAT = timedelta(seconds=20)
"""Silence after which a try's worker counts as dead, and within which a running try hears that its order is cancelled."""

ROW = LocalActivityOptions(
    start_to_close_timeout=timedelta(seconds=10),
    local_retry_threshold=timedelta(seconds=5),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(minutes=10)),
)
"""One statement on our own rows. An outage of the database is waited out, however long it takes; each try costs six events of
history, so they grow rare."""

WHILE_CUSTOMER_WAITS = ActivityOptions(
    start_to_close_timeout=timedelta(seconds=15),
    schedule_to_close_timeout=timedelta(minutes=2),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=300), maximum_interval=timedelta(seconds=5)),
)
"""A person looks at a spinner: give up while the request can still be repeated."""

STRIPE = ActivityOptions(
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(hours=20),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5)),
)
"""One idempotency key is good for 24 h (https://docs.stripe.com/api/idempotent_requests): the budget stays under it."""

COMPENSATION = ActivityOptions(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=10)),
)
"""Money and stock go back, however long it takes: no budget, capped back-off."""

PRINT_FILE = ActivityOptions(
    task_queue=ARTWORK_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(hours=2),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2)),
)
"""Read, scale, store; the bucket may be away for a while."""

RENDER = ActivityOptions(
    task_queue=ARTWORK_TASK_QUEUE,
    start_to_close_timeout=timedelta(seconds=50),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=300), maximum_interval=timedelta(seconds=20)),
)
"""A customer waits for a preview: a second of work, and a while for a bucket that is away."""
GENERATE = ActivityOptions(
    task_queue=GENERATION_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=3),
    schedule_to_close_timeout=timedelta(minutes=6),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        maximum_interval=timedelta(seconds=20),
        # After each of these an answer may have been paid for, so the workflow counts it. The last one is what the SDK calls a
        # result that no history holds: it would be as large every time.
        non_retryable_error_types=[
            "NoPicture",
            "OutcomeUnknown",
            "TemporalTimeout:StartToClose",
            "TemporalTimeout:Heartbeat",
            "PayloadsTooLarge",
        ],
    ),
)
"""Nothing was done: a quota is waited out for as long as the AI says, an outage for a while. A person looks at a spinner, and the
result is kept for one who left."""

GENERATION_LIMIT = timedelta(minutes=6)
"""After this nobody waits any more; all tries together."""
MOST_PAID_ANSWERS = 3
"""Each answer of the AI costs, with a picture in it or without."""

ANNOUNCE = ActivityOptions(
    task_queue=MANUFACTURER_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=10)),
)
"""Nothing is printed and nothing is paid by an announcement: a lost answer is repeated under the same reference."""

SUBMIT = ActivityOptions(
    task_queue=MANUFACTURER_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=2),
        maximum_interval=timedelta(minutes=10),
        # The last two are what Temporal's server calls a try that was never answered, e.g. because its worker died.
        non_retryable_error_types=["OutcomeUnknown", "TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"],
    ),
)
"""Offline machines and late payments are waited out; an unknown outcome goes to `verifying`."""

MANUFACTURER_LOOK_UP = ActivityOptions(
    task_queue=MANUFACTURER_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=1),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=10)),
)
"""Reading changes nothing, so it is repeated whatever happened."""

POLL = ActivityOptions(
    task_queue=MANUFACTURER_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=1)),
)
"""One round of the poller, which ends by itself after a minute; the next round makes up for one that failed."""

POLLER_IDLE_SLEEP = timedelta(minutes=10)
"""Nothing is due: a signal wakes the poller, this is for a signal that got lost."""
POLLER_SHORTEST_INTERVAL = timedelta(milliseconds=500)
"""From the beginning of one round to that of the next."""

REFUND_LOOK = timedelta(hours=1)
"""Stripe settles a pending refund in days and tells us by webhook; this is how often we ask by ourselves."""
REFUND_NEEDS_A_PERSON = timedelta(days=5)

COUNT = ActivityOptions(
    task_queue=MANUFACTURER_TASK_QUEUE,
    start_to_close_timeout=timedelta(minutes=1),
    schedule_to_close_timeout=timedelta(minutes=3),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(seconds=30)),
)
"""One of the manufacturer's lists; the next count makes up for one that failed."""

GIVE_UP = ActivityOptions(
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5)),
)
"""A look through all pictures; tomorrow is another day."""

ERASE = ActivityOptions(
    start_to_close_timeout=timedelta(minutes=30),
    schedule_to_close_timeout=timedelta(hours=3),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=10), maximum_interval=timedelta(minutes=10)),
)
"""Some thousand objects, one batch after the other; the bucket may be away for a while."""

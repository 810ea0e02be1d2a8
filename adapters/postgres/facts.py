"""Everything that the database knows of a request for an order, in one question."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.placing import UNPAID
from adapters.postgres.pricing import Facts, promotion_day
from adapters.postgres.statements import ORDER_NUMBER
from models.base import Contract
from models.catalog import match_name
from models.order import Channel, CheckoutRequest, OrderStatus, PlacedOrder


class Standing(Contract):
    """An order that was written before under the id that is asked for."""

    placed: PlacedOrder
    status: OrderStatus
    request_hash: str


class NewestOrder(Contract):
    """The last order that was made of an upload."""

    attempt: int
    status: OrderStatus


class Known(Contract):
    """What the request names, and the order that may be there already."""

    facts: Facts
    standing: Standing | None
    newest: NewestOrder | None


# What an order holds itself is there for it to be placed anew, and so is its place among the day's free cases.
_KNOWN = text(f"""
WITH device AS (
    SELECT id FROM devices
    WHERE is_active AND CASE WHEN CAST(:is_web AS boolean) THEN is_default ELSE id = :device_id END
), upload AS (
    SELECT u.template_id,
           jsonb_build_object('key', a.key, 'sha256', a.sha256, 'media_type', a.media_type,
                              'width', a.width, 'height', a.height, 'size', a.size) AS image
    FROM uploads u JOIN assets a ON a.sha256 = u.asset_sha256
    WHERE u.name = :upload_name AND u.kind = 'final' AND a.removed_at IS NULL
), template AS (
    SELECT t.id, t.name, t.is_active FROM templates t
    WHERE CASE WHEN CAST(:template AS text) IS NULL THEN t.id = (SELECT template_id FROM upload)
               ELSE CAST(:template AS text) = ANY (t.match_names) END
), brand AS (
    SELECT id, display_name, is_available FROM brands WHERE :brand = ANY (match_names)
), newest AS (
    SELECT id, upload_attempt, status FROM orders WHERE upload_name = :upload_name ORDER BY upload_attempt DESC LIMIT 1
), standing AS (
    SELECT o.*, h.shell_id AS held_shell_id, h.device_id AS held_device_id
    FROM orders o LEFT JOIN stock_holds h ON h.order_id = o.id AND h.released_at IS NULL
    WHERE o.id = coalesce(CAST(:order_id AS uuid), (SELECT id FROM newest WHERE status = ANY (CAST(:unpaid AS text[]))))
), shell AS (
    SELECT s.phone_model_id,
           jsonb_agg(jsonb_build_object(
               'id', s.id, 'width_mm', s.width_mm, 'height_mm', s.height_mm,
               'sellable', l.stock - l.held + (
                   SELECT count(*) FROM standing WHERE held_shell_id = s.id AND held_device_id = l.device_id)
           ) ORDER BY s.is_default DESC, s.id) AS shells
    FROM shells s LEFT JOIN stock_levels l ON l.shell_id = s.id AND l.device_id = (SELECT id FROM device)
    GROUP BY s.phone_model_id
), model AS (
    SELECT jsonb_agg(jsonb_build_object(
               'name', m.display_name, 'manufacturer_model_id', m.manufacturer_model_id, 'match_names', m.match_names,
               'is_available', m.is_available, 'shells', coalesce(shell.shells, '[]')
           ) ORDER BY m.display_order, m.display_name) AS models
    FROM phone_models m LEFT JOIN shell ON shell.phone_model_id = m.id
    WHERE m.brand_id = (SELECT id FROM brand)
), price AS (
    SELECT DISTINCT ON (template_id, add_on_id) template_id, add_on_id, amount
    FROM prices WHERE currency = 'gbp' AND valid_from <= :at
    ORDER BY template_id, add_on_id, valid_from DESC
), promotion AS (
    SELECT jsonb_build_object(
               'id', p.id, 'daily_cap', p.daily_cap,
               'used', coalesce(d.used, 0) - (
                   SELECT count(*) FROM standing WHERE promotion_id = p.id AND (placed_at AT TIME ZONE 'UTC')::date = :day)
           ) AS promotion
    FROM promotions p LEFT JOIN promotion_days d ON d.promotion_id = p.id AND d.day = :day
    WHERE p.is_active AND p.device_id = (SELECT id FROM device)
      AND p.starts_at <= :at AND (p.ends_at IS NULL OR p.ends_at > :at)
)
SELECT CAST(jsonb_build_object(
    'facts', jsonb_build_object(
        'device_id', (SELECT id FROM device),
        'image', (SELECT image FROM upload),
        'template', (
            SELECT jsonb_build_object('id', t.id, 'name', t.name, 'is_active', t.is_active, 'price', price.amount)
            FROM template t LEFT JOIN price ON price.template_id = t.id),
        'brand', (
            SELECT jsonb_build_object('id', id, 'display_name', display_name, 'is_available', is_available,
                                      'models', coalesce((SELECT models FROM model), '[]'))
            FROM brand),
        'brand_names', (
            SELECT coalesce(jsonb_agg(display_name ORDER BY display_order), '[]') FROM brands WHERE is_available),
        'add_ons', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', a.id, 'name', a.name, 'is_active', a.is_active, 'price', price.amount)), '[]')
            FROM add_ons a LEFT JOIN price ON price.add_on_id = a.id
            WHERE a.id = ANY (CAST(:add_ons AS text[]))),
        'promotion', (SELECT promotion FROM promotion)),
    'newest', (SELECT jsonb_build_object('attempt', upload_attempt, 'status', status) FROM newest),
    'standing', (
        SELECT jsonb_build_object(
            'status', o.status, 'request_hash', o.request_hash,
            'placed', jsonb_build_object(
                'order_id', o.id, 'number', {ORDER_NUMBER}, 'public_token', o.public_token,
                'approved_sha256', o.approved_sha256, 'version', o.version,
                'checkout', (
                    SELECT jsonb_build_object('session_id', stripe_session_id, 'url', checkout_url,
                                              'expires_at', expires_at, 'key_number', attempt)
                    FROM payments WHERE order_id = o.id AND checkout_url IS NOT NULL ORDER BY attempt DESC LIMIT 1),
                'quote', jsonb_build_object(
                    'channel', o.channel, 'total', o.total, 'currency', o.currency, 'promotion_id', o.promotion_id,
                    'product', jsonb_build_object(
                        'brand_id', o.brand_id, 'brand_name', o.brand_name, 'model_name', o.model_name,
                        'model_id', o.model_id, 'shell_id', o.shell_id, 'device_id', o.device_id,
                        'template_id', o.template_id, 'width_mm', o.width_mm, 'height_mm', o.height_mm),
                    'lines', (
                        SELECT jsonb_agg(jsonb_build_object(
                            'sku', sku, 'title', title, 'unit_amount', unit_amount, 'quantity', quantity) ORDER BY position)
                        FROM order_lines WHERE order_id = o.id),
                    'image', (
                        SELECT jsonb_build_object('key', key, 'sha256', sha256, 'media_type', media_type,
                                                  'width', width, 'height', height, 'size', size)
                        FROM assets WHERE sha256 = o.approved_sha256))))
        FROM standing o)) AS text)
""")  # noqa: S608 - the only thing put in is a constant


async def find_out(connection: AsyncConnection, request: CheckoutRequest, *, order_id: UUID | None, at: datetime) -> Known:
    """Look up everything that a request names, as of `at`; one round trip.

    Without `order_id` the order that stands is the newest one of the upload, if it is unpaid.
    """
    answer = await connection.execute(
        _KNOWN,
        {
            "is_web": request.channel is Channel.WEB,
            "device_id": request.device_id,
            "upload_name": request.upload_name,
            "template": match_name(request.template_id) if request.template_id else None,
            "brand": match_name(request.brand),
            "add_ons": list(request.add_ons),
            "order_id": order_id,
            "unpaid": [status.value for status in UNPAID],
            "at": at,
            "day": promotion_day(at),
        },
    )
    return Known.model_validate_json(answer.scalar_one())

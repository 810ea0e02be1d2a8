"""All tables. Importing this package fills `Base.metadata`, which migrations are compared with."""

from models.tables.base import Base
from models.tables.brand import Brand
from models.tables.decoration import Color, Decoration, Font
from models.tables.device import Device
from models.tables.generation import Generation
from models.tables.inbox import InboxMessage
from models.tables.operator_task import OperatorTask
from models.tables.order import ORDER_NUMBERS, Order, OrderEvent, OrderLine
from models.tables.payment import Payment, Refund
from models.tables.phone_model import PhoneModel, Shell
from models.tables.price import Price, Promotion, PromotionDay
from models.tables.production import REFERENCE_NUMBERS, ManufacturerReference, PrintFile
from models.tables.snapshot import CatalogueDifference, Snapshot
from models.tables.stock import StockHold, StockLevel
from models.tables.template import AddOn, AIStyle, Template
from models.tables.upload import Asset, Design, Upload

__all__ = [
    "ORDER_NUMBERS",
    "REFERENCE_NUMBERS",
    "AIStyle",
    "AddOn",
    "Asset",
    "Base",
    "Brand",
    "CatalogueDifference",
    "Color",
    "Decoration",
    "Design",
    "Device",
    "Font",
    "Generation",
    "InboxMessage",
    "ManufacturerReference",
    "OperatorTask",
    "Order",
    "OrderEvent",
    "OrderLine",
    "Payment",
    "PhoneModel",
    "Price",
    "PrintFile",
    "Promotion",
    "PromotionDay",
    "Refund",
    "Shell",
    "Snapshot",
    "StockHold",
    "StockLevel",
    "Template",
    "Upload",
]

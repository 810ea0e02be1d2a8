"""What all tables have in common: names of constraints, types, timestamps."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Enum, Identity, Integer, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Id = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
"""A number that only the database gives out and that nobody outside it sees."""

Millimetres = Annotated[float, mapped_column(Numeric(6, 2, asdecimal=False))]
"""A length, exact to a hundredth of a millimetre: what the manufacturer gives."""

Pence = Annotated[int, mapped_column(Integer)]
"""Money in minor units; the currency stands beside it."""

Currency = Annotated[str, mapped_column(Text, server_default="gbp")]


def _values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


class Base(DeclarativeBase):
    """The root of all tables.

    Every constraint has a name made of its table and columns, so that a migration can name it on every machine. An enum is stored
    by value as text with a CHECK. All times are `timestamptz`.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        StrEnum: Enum(StrEnum, native_enum=False, create_constraint=True, values_callable=_values, length=40),
        str: Text,
        UUID: Uuid,
        Decimal: Numeric,
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }

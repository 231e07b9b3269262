"""What every table is made of: the base class and its kinds of columns."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, MetaData, Table
from sqlmodel import Field, SQLModel

from .columns import Json, Name, Text, UtcTime

# Names for every constraint, so that a later migration can say which one it means.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    metadata: ClassVar[MetaData] = MetaData(naming_convention=_NAMES)


metadata = Row.metadata


def table_of(model: type[Row]) -> Table:
    """The same as a table of SQLAlchemy Core: every statement of the catalog is written with these."""
    return metadata.tables[str(model.__tablename__)]


def text_(**more: Any) -> Any:
    return Field(sa_type=Text, **more)


def name_(**more: Any) -> Any:
    return Field(sa_type=Name, **more)


def time_(**more: Any) -> Any:
    return Field(sa_type=UtcTime, **more)


def long_() -> Any:
    return Field(sa_type=BigInteger)


def json_() -> Any:
    return Field(sa_type=Json)


def part_of(parent: str | Column[Any], **more: Any) -> Any:
    """A reference whose row goes when its parent goes."""
    return Field(sa_type=Text, sa_column_args=[ForeignKey(parent, ondelete="CASCADE")], **more)

"""What all tables of the catalog share: their metadata, the names of constraints, types of numbers and ids."""

from sqlalchemy import BigInteger, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only counts upwards by itself for a column declared INTEGER PRIMARY KEY.
Number = BigInteger().with_variant(Integer(), "sqlite")
Id = String(36)

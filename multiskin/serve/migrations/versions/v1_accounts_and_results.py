"""Accounts, sign-ins and saved results."""

import sqlalchemy as sa
from alembic import op

revision = "v1"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("key", name="uq_account_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sign_in",
        sa.Column("token_hash", sa.LargeBinary),
        sa.Column("account_id", sa.Integer, nullable=False),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("last_used", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sign_in"),
        _goes_with("account", "sign_in"),
    )
    op.create_index("ix_sign_in_account_id", "sign_in", ["account_id"])
    op.create_table(
        "result",
        sa.Column("id", sa.Integer),
        sa.Column("account_id", sa.Integer, nullable=False),
        sa.Column("when", sa.DateTime, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("age", sa.Integer),
        sa.Column("sex", sa.String),
        sa.Column("report", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_result"),
        _goes_with("account", "result"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_result_account_id", "result", ["account_id"])
    op.create_table(
        "score",
        sa.Column("result_id", sa.Integer),
        sa.Column("position", sa.Integer),
        sa.Column("attribute", sa.String, nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("result_id", "position", name="pk_score"),
        _goes_with("result", "score"),
    )
    op.create_table(
        "kept_photo",
        sa.Column("result_id", sa.Integer),
        sa.Column("position", sa.Integer),
        sa.Column("part", sa.String),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("result_id", "position", name="pk_kept_photo"),
        _goes_with("result", "kept_photo"),
    )


def _goes_with(owner: str, table: str) -> sa.ForeignKeyConstraint:
    """A foreign key; rows are deleted together with the row of their owner."""
    column = f"{owner}_id"
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")

"""What chores came to lies apart from them; who started them is kept."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
oldest_reader: Final = "0005"

_MOVE: Final = """
    INSERT INTO chore_results (id, result, failures)
    SELECT id, CAST(json_extract(CAST(detail AS TEXT), '$.result') AS BLOB), CAST('[]' AS BLOB)
    FROM chores WHERE json_extract(CAST(detail AS TEXT), '$.result') IS NOT NULL
"""
_FORGET: Final = """
    UPDATE chores SET detail = CAST(json_remove(CAST(detail AS TEXT), '$.result') AS BLOB)
    WHERE id IN (SELECT id FROM chore_results)
"""


def upgrade() -> None:
    """Make the table and the column, and move the results."""
    op.add_column("chores", sa.Column("actor", sa.String, nullable=False, server_default=""))
    op.create_table(
        "chore_results",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("result", sa.LargeBinary),
        sa.Column("failures", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["id"], ["chores.id"], name="fk_chore_results_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_chore_results"),
    )
    op.execute(_MOVE)
    op.execute(_FORGET)

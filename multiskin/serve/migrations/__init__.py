"""Database migrations: one file in versions/ for each change of the database schema."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from multiskin.errors import UserError

SCRIPTS = "multiskin.serve:migrations"  # package:folder, so that it is found wherever multiskin is installed


def upgrade(engine: Engine, name: str) -> None:
    """Migrates a database to the newest schema, atomically.

    Args:
        engine: its transactions exclude other writers, so that only one of several processes migrates.
        name: the name of the database in error messages.

    Raises:
        UserError: the database was written by a newer multiskin.
    """
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current not in known | {None}:
            raise UserError(
                f"{name}: written by a newer multiskin (database revision {current!r}); update multiskin, "
                "or give another folder with --data"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

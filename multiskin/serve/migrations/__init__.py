"""How a database of an older multiskin becomes one of this: a file in versions/ for each change of its form."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from multiskin.errors import UserError

SCRIPTS = "multiskin.serve:migrations"  # in the package, and so wherever multiskin is installed


def upgrade(engine: Engine, name: str) -> None:
    """Brings a database to the newest form, whole or not at all.

    Args:
        engine: its transactions exclude other writers, so that of several processes one alone migrates.
        name: what an error calls the database.

    Raises:
        UserError: a newer multiskin has made it.
    """
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current not in known | {None}:
            raise UserError(
                f"{name}: made by a newer multiskin (its form is {current!r}); update multiskin, "
                "or give another folder with --data"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

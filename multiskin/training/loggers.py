"""Loggers of a run: always a CSV file, others by name; each is continued when the run is resumed."""

import csv
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from io import StringIO
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlparse

from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from multiskin.config import FitConfig, LogConfig
from multiskin.disclosure import without_paths
from multiskin.errors import UserError
from multiskin.run import RunFolder, first_process, write_atomically, write_json


def check_loggers(config: LogConfig) -> None:
    """Makes sure that the packages of the chosen loggers are installed.

    Raises:
        UserError: one is not.
    """
    for name in config.logger:
        if find_spec(name) is None:
            raise UserError(f"log.logger: {name} is not installed; run: pip install 'multiskin[{name}]'")


class Resumed(NamedTuple):
    """Where a logger continues."""

    run_id: str | None  # the logger's own id of the run; None for one that it does not know yet
    step: int  # the first one to be logged from now on


class Curves(Logger):
    """Every logged number in a CSV file that is replaced atomically.

    Lightning's own CSVLogger appends to the file, and rewrites it in place for a new column, so that a full disk could
    leave it incomplete.
    """

    name = version = None

    def __init__(self, path: Path, rows: list[dict[str, Any]]) -> None:
        super().__init__()
        self.path = path
        self.rows = rows

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append(metrics | {"step": step})
        text = StringIO(newline="")
        writer = csv.DictWriter(text, sorted(set().union(*self.rows)))
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue())

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Logs nothing: they are in config.yaml."""


def create_loggers(config: FitConfig, run: RunFolder, finished: int = 0) -> list[Logger]:
    """The CSV logger and the loggers that the config names, with the settings logged to them.

    Args:
        config: settings of the run.
        run: its folder.
        finished: number of finished epochs, whose rows are kept; an unfinished epoch is logged again.

    Raises:
        UserError: a logger fails, such as wandb on a malformed key.
    """
    rows = _rows(run.curves, finished)
    step = rows[-1]["step"] + 1 if rows else 0
    ids = json.loads(run.tracking.read_text(encoding="utf-8")) if run.tracking.is_file() else {}
    chosen = dict.fromkeys(config.log.logger)
    others = {name: LOGGERS[name](config, run, Resumed(ids.get(name), step)) for name in chosen}
    if first_process():
        run.curves.parent.mkdir(exist_ok=True)
        if others:
            write_json(run.tracking, ids | {name: logger.version for name, logger in others.items()})
    return [Curves(run.curves, rows), *others.values()]


def _rows(curves: Path, finished: int) -> list[dict[str, Any]]:
    """The rows of finished epochs."""
    if not finished or not curves.is_file():
        return []
    try:
        with curves.open(encoding="utf-8", newline="") as file:
            rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
        return [row | {"step": int(row["step"])} for row in rows if int(row["epoch"]) < finished]
    except (KeyError, ValueError) as error:
        raise UserError(f"{curves}: not the log that 'fit' wrote; restore the file, or remove it") from error


def _tensorboard(config: FitConfig, run: RunFolder, resumed: Resumed) -> Logger:
    """Hides what was logged beyond the checkpoint before the run was stopped."""
    place: dict[str, Any] = {"name": "", "version": "tensorboard", "purge_step": resumed.step}
    logger = TensorBoardLogger(run.root, default_hp_metric=False, **place)
    logger.log_hyperparams(without_paths(asdict(config)))
    return logger


def _mlflow(config: FitConfig, run: RunFolder, resumed: Resumed) -> Logger:
    """Logs to the server that MLFLOW_TRACKING_URI names, else to a database in the run folder."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    from mlflow.exceptions import MlflowException

    server = None if config.offline else os.environ.get("MLFLOW_TRACKING_URI")
    place = server or f"sqlite:///{(run.root / 'mlflow.db').resolve()}"
    logger = MLFlowLogger(config.log.project, run.root.name, place, run_id=resumed.run_id)
    try:
        if resumed.run_id is None:
            logger.log_hyperparams(without_paths(asdict(config)))
        else:  # the settings are logged already, and it lets none change
            logger.experiment.update_run(resumed.run_id, "RUNNING")
    except MlflowException as error:
        raise UserError(f"log.logger: mlflow: {' '.join(str(error).split())}; see MLFLOW_TRACKING_URI") from error
    return logger


def _wandb(config: FitConfig, run: RunFolder, resumed: Resumed) -> Logger:
    """Offline unless a key is set, so that it never prompts for one; code, pictures and machine details are never sent.

    Offline, each start writes a folder of its own; 'wandb sync' appends it to the earlier ones of the same run.
    """
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # it would report errors to wandb, even offline
    import wandb

    settings = wandb.Settings(
        mode="offline" if config.offline or not _has_wandb_key() else "online",
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_save_requirements=False,
        console="off",
        silent=True,
    )
    options: dict[str, Any] = {"settings": settings, "dir": run.root}
    options |= {"project": config.log.project, "log_model": False}
    logger = WandbLogger(run.root.name, run.root, resumed.run_id, **options)
    try:
        logger.log_hyperparams(without_paths(asdict(config)))  # starts the run and checks the key
    except (wandb.Error, ValueError) as error:
        raise UserError(f"log.logger: wandb: {' '.join(str(error).split())}; set WANDB_MODE=offline") from error
    return logger


def _has_wandb_key() -> bool:
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        return False
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    try:
        return netrc(Path(os.environ.get("NETRC", "~/.netrc")).expanduser()).authenticators(host or "") is not None
    except (OSError, NetrcParseError):
        return False


LOGGERS: dict[str, Callable[[FitConfig, RunFolder, Resumed], Logger]] = {
    "wandb": _wandb,
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
}

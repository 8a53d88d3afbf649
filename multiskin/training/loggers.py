"""Where curves go: a CSV file always, other places by name."""

import csv
import os
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from multiskin.config import FitConfig, LogConfig
from multiskin.errors import UserError
from multiskin.run import RunFolder, first_process


def check_loggers(config: LogConfig) -> None:
    """Whether the loggers asked for by name can be had.

    Raises:
        UserError: one whose package is not installed.
    """
    for name in config.logger:
        if find_spec(name) is None:
            raise UserError(f"log.logger: {name} is not installed; run: pip install 'multiskin[{name}]'")


def create_loggers(config: FitConfig, run: RunFolder, finished: int = 0) -> list[Logger]:
    """The CSV logger, and those asked for by name, which are told the settings.

    Args:
        config: of the run.
        run: where the curves go.
        finished: how many epochs are, whose curves stay; those of an epoch begun come again.

    Raises:
        UserError: a logger that refuses, as wandb does a key of the wrong form.
    """
    others = [LOGGERS[name](config, run) for name in dict.fromkeys(config.log.logger)]
    for logger in others:
        logger.log_hyperparams(_settings(config))
    return [_curves(run, finished), *others]


def _curves(run: RunFolder, finished: int) -> CSVLogger:
    """The CSV logger, with what it wrote of finished epochs before the run was stopped."""
    options: dict[str, Any] = {"name": "", "version": run.curves.parent.name, "flush_logs_every_n_steps": 1}
    if not first_process():
        return CSVLogger(run.root, **options)
    earlier = _rows(run.curves, finished)
    run.curves.unlink(missing_ok=True)
    logger = CSVLogger(run.root, **options)
    logger.experiment.metrics.extend(earlier)
    logger.save()
    return logger


def _rows(curves: Path, finished: int) -> list[dict[str, Any]]:
    """The rows of finished epochs; a line that was cut short is of a later one."""
    if not finished or not curves.is_file():
        return []
    with curves.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values() and row["epoch"].isdecimal()]
    known = [{key: value for key, value in row.items() if value} for row in rows if int(row["epoch"]) < finished]
    return [row | {"step": int(row["step"])} for row in known]


def _settings(config: FitConfig) -> dict[str, Any]:
    """The settings without any path, which may name people or places."""
    settings = asdict(config)
    for option in ("schema", "out", "ckpt_path"):
        del settings[option]
    for option in ("root", "manifest", "faces"):
        del settings["data"][option]
    if settings["model"]["weights"] not in ("auto", "none"):
        settings["model"]["weights"] = "file"
    return settings


def _tensorboard(_: FitConfig, run: RunFolder) -> Logger:
    return TensorBoardLogger(run.root, name="", version="tensorboard", default_hp_metric=False)


def _mlflow(config: FitConfig, run: RunFolder) -> Logger:
    """Into the run folder, or to the server that the environment names."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    server = None if config.offline else os.environ.get("MLFLOW_TRACKING_URI")
    place = server or f"sqlite:///{(run.root / 'mlflow.db').resolve()}"
    return MLFlowLogger(config.log.project, run_name=run.root.name, tracking_uri=place)


def _wandb(config: FitConfig, run: RunFolder) -> Logger:
    """Offline unless a key is set, so that it never asks; code, pictures and machine details are never sent."""
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # to its makers, even offline
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
    logger = WandbLogger(run.root.name, run.root, project=config.log.project, log_model=False, **options)
    try:
        _ = logger.experiment  # begins the run, and looks at the key
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


LOGGERS: dict[str, Callable[[FitConfig, RunFolder], Logger]] = {
    "wandb": _wandb,
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
}

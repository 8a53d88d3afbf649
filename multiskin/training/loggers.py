"""Where curves go: a CSV file always, other places by name."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from multiskin.config import LogConfig
from multiskin.errors import UserError
from multiskin.run import RunFolder


def create_loggers(config: LogConfig, run: RunFolder, *, offline: bool) -> list[Logger]:
    """The CSV logger and those asked for by name.

    Raises:
        UserError: a logger whose package is not installed.
    """
    csv = CSVLogger(run.root, name="", version=run.curves.parent.name, flush_logs_every_n_steps=1)
    return [csv, *(_create(name, config, run, offline) for name in dict.fromkeys(config.logger))]


def _create(name: str, config: LogConfig, run: RunFolder, offline: bool) -> Logger:
    if find_spec(name) is None:
        raise UserError(f"log.logger: {name} is not installed; run: pip install 'multiskin[{name}]'")
    if name == "wandb":
        return _wandb(config, run, offline)
    if name == "mlflow":
        place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(run.root / 'mlflow.db').resolve()}"
        return MLFlowLogger(config.project, run_name=run.root.name, tracking_uri=place)
    return TensorBoardLogger(run.root, name="", version="tensorboard")


def _wandb(config: LogConfig, run: RunFolder, offline: bool) -> Logger:
    """Offline unless a key is set, so that it never asks; code, pictures and machine details are never sent."""
    import wandb

    folder = run.root
    settings = wandb.Settings(
        mode="offline" if offline or not _has_wandb_key() else "online",
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
    options: dict[str, Any] = {"settings": settings, "dir": folder}
    return WandbLogger(name=folder.name, project=config.project, log_model=False, save_dir=folder, **options)


def _has_wandb_key() -> bool:
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        return False
    if os.environ.get("WANDB_API_KEY"):
        return True
    netrc = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    return netrc.is_file() and "wandb" in netrc.read_text(errors="ignore")

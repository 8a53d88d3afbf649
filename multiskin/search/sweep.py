"""A Bayesian search over settings, kept as an Optuna study in a folder that several processes may share."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from filelock import BaseFileLock, FileLock, Timeout
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from multiskin.compare.contents import package_versions, photo_digests, short_digest, user_digests
from multiskin.config import FitConfig, with_options
from multiskin.data.crops import parse_name
from multiskin.data.photos import Photos
from multiskin.data.splits import split_table
from multiskin.data.workers import worker_count
from multiskin.documents import to_yaml
from multiskin.errors import UserError
from multiskin.run import RunFolder, require_writable, write_atomically
from multiskin.search.space import Choices, Range, Space
from multiskin.training.checkpoints import changes, deciding_settings

ANEW = "name another folder with --out"
RESUME = "the same command resumes the sweep when no other program uses this file and the disk is not full"
BUSY_SECONDS = 60.0  # to wait for another program that is using the database
MIN_RESULTS = 10  # distinct results; with fewer, importances would be mostly noise
STATES = {TrialState.COMPLETE: "finished", TrialState.FAIL: "failed", TrialState.RUNNING: "unfinished"}


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial that is reserved for this process while it holds the lock."""

    number: int
    options: Mapping[str, Any]
    run: RunFolder
    lock: BaseFileLock

    @property
    def name(self) -> str:
        return self.run.root.name

    @property
    def log(self) -> Path:
        """The output of its training."""
        return self.run.root.with_suffix(".log")


class Sweep:
    """A search and its folder, which other processes may be using at the same time.

    Trials are sampled by a tree-structured Parzen estimator (Bergstra et al. 2011), away from those in training, and
    each with its own seed, so that no two workers sample the same trial and a restarted worker continues as if it had
    not been stopped.

    Args:
        root: the folder; a search that it already holds is resumed.
        config: what all trials have in common.
        photos: validated, with their split.
        space: the options to search.
        mode: whether config.trainer.monitor is best at its min or its max.

    Raises:
        UserError: the folder cannot be used, or belongs to another search.
    """

    def __init__(self, root: Path, config: FitConfig, photos: Photos, space: Space, mode: str) -> None:
        self.root = root
        self.settings = root / "settings"  # the configs that trials are trained from
        self.best = root / "best.yaml"  # the config of the best trial, to train a full run from
        self.config = replace(config, ckpt_path=None)
        self.space = space
        self.mode = mode
        self.taken: set[int] = set()  # trials of this process, which takes none twice
        self.database = root / "sweep.db"
        self._make_folder()
        with self.locked():
            self.study = _study(self.database, StudyDirection.MINIMIZE if mode == "min" else StudyDirection.MAXIMIZE)
            self._require_same(photos)
            photos.manifest.schema.save(self.settings / "schema.yaml")
            self.earlier = len(self._trials())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the study and the results; never hold it for long."""
        with FileLock(self.root / ".lock"), _database_errors(self.database):
            yield

    def _make_folder(self) -> None:
        """Makes the folder; the database is created first and marks it as a sweep's."""
        if self.root.exists() and not self.database.exists():
            RunFolder.require_free(self.root)
        with require_writable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            self.database.touch()
            self.settings.mkdir(exist_ok=True)

    def _require_same(self, photos: Photos) -> None:
        search = {key: value for key, value in deciding_settings(asdict(self.config)) if key not in self.space}
        search |= {f"the search of {option}": asdict(dimension) for option, dimension in self.space.items()}
        search |= {f"the version of {name}": number for name, number in package_versions().items()}
        search |= _digests(self.config, photos)
        now, before = json.loads(json.dumps(search)), self.study.user_attrs.get("search")
        if before is None:
            self.study.set_user_attr("search", now)
        elif changed := changes(before, now):
            raise UserError(f"--out {self.root}: another sweep: {'; '.join(changed)}; name another folder")

    def _trials(self) -> list[FrozenTrial]:
        with _database_errors(self.database):
            return self.study.get_trials(deepcopy=False)

    def finished(self) -> list[FrozenTrial]:
        """The trials that have a value, from the best to the worst."""
        trials = [trial for trial in self._trials() if trial.state == TrialState.COMPLETE]
        return sorted(trials, key=lambda trial: trial.values[0], reverse=self.mode == "max")

    def take(self, total: int) -> Trial | None:
        """Reserves a trial to train, preferably an interrupted one, else a new one; None if there are enough.

        Args:
            total: trials of all processes; those that failed before this process started do not count.
        """
        with self.locked():
            trials = self._trials()
            stopped = (self._resume(trial) for trial in trials if trial.state == TrialState.RUNNING)
            if trial := next(filter(None, stopped), None):
                return trial
            counted = sum(trial.state != TrialState.FAIL or trial.number >= self.earlier for trial in trials)
            return self._sample(len(trials)) if counted < total else None

    def _resume(self, trial: FrozenTrial) -> Trial | None:
        if trial.number in self.taken:
            return None
        if trial.params.keys() != self.space.keys():  # its process was killed while sampling it
            self.study.tell(trial.number, state=TrialState.FAIL)
            return None
        return self._reserve(trial)

    def _sample(self, number: int) -> Trial | None:
        seed = np.random.SeedSequence([self.config.seed, number]).generate_state(1)[0]
        self.study.sampler = optuna.samplers.TPESampler(seed=int(seed), constant_liar=True)
        return self._reserve(
            self.study.ask({option: _distribution(dimension) for option, dimension in self.space.items()})
        )

    def _reserve(self, trial: FrozenTrial | optuna.Trial) -> Trial | None:
        """Locks a trial; None if another process is training it, even one left over from a killed command."""
        run = RunFolder(self.root / "runs" / trial_name(trial.number))
        run.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.root.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
            with run.locked():
                self.taken.add(trial.number)
        except (Timeout, UserError):
            lock.release()
            return None
        return Trial(trial.number, self._options(trial.params), run, lock)

    def _options(self, labels: Mapping[str, Any]) -> dict[str, Any]:
        """The values that the labels in a study stand for."""
        return {option: dimension.value(labels[option]) for option, dimension in self.space.items()}

    def write_settings(self, trial: Trial, at_once: int = 1) -> Path:
        """Writes the config file that a trial is trained from; `at_once` trials share the cores."""
        config = replace(with_options(self.config, trial.options), schema="schema.yaml", out=str(trial.run.root))
        config = replace(config, data=replace(config.data, num_workers=worker_count(config.data.num_workers, at_once)))
        return _write(replace(config, test=False), self.settings / f"{trial.name}.yaml")

    def finish(self, trial: Trial) -> None:
        """Records a trained trial's result, its best value over all epochs; without any, the trial has failed."""
        values = pd.read_csv(trial.run.curves)[self.config.trainer.monitor].dropna()
        if values.empty:
            return self.fail(trial)
        return self._tell(trial, TrialState.COMPLETE, float(values.min() if self.mode == "min" else values.max()))

    def fail(self, trial: Trial) -> None:
        """Records that a trial has failed."""
        self._tell(trial, TrialState.FAIL)

    def _tell(self, trial: Trial, state: TrialState, value: float | None = None) -> None:
        with self.locked():
            self.study.tell(trial.number, value, state)
            self._save()

    def _save(self) -> None:
        """Writes the table of all trials, and the config of the best one."""
        write_atomically(self.root / "trials.csv", self.table().to_csv(index=False))
        for best in self.finished()[:1]:
            config = with_options(self.config, self._options(best.params))
            schema = f"{self.settings.name}/schema.yaml"
            _write(replace(config, schema=schema, out=str(self.root / "best")), self.best)

    def table(self) -> pd.DataFrame:
        """Every trial: its name, its state, its result, and its options."""
        monitor = self.config.trainer.monitor
        rows = [
            {"trial": trial_name(trial.number), "state": STATES[trial.state], monitor: trial.value}
            | {option: trial.params.get(option) for option in self.space}
            for trial in self._trials()
        ]
        return pd.DataFrame(rows, columns=["trial", "state", monitor, *self.space], dtype=object)

    def ranking(self) -> pd.DataFrame:
        """The finished trials of the table without their state, from the best to the worst."""
        table = self.table()
        finished = table[table["state"] == STATES[TrialState.COMPLETE]].drop(columns="state")
        return finished.sort_values(self.config.trainer.monitor, ascending=self.mode == "min", kind="stable")

    def importances(self) -> dict[str, float]:
        """The importance of each option by fANOVA (Hutter et al. 2014); empty if there are too few trials."""
        if len(self.space) < 2 or len({trial.value for trial in self.finished()}) < MIN_RESULTS:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return optuna.importance.get_param_importances(self.study, evaluator=evaluator)


def _digests(config: FitConfig, photos: Photos) -> dict[str, str]:
    """Digests of the data that settings only refer to, by the words that messages use for them."""
    table = split_table(photos.manifest, photos.split).to_csv(index=False)
    names = (parse_name(path)[0] for path in photos.manifest.paths)
    found = {"table with its split": table, "photos": json.dumps(photo_digests(photos.manifest.root, names))}
    found |= user_digests(config)
    return {f"the digest of the {name}": short_digest(content.encode()) for name, content in found.items()}


def trial_name(number: int) -> str:
    return f"trial-{number:04}"


def _write(config: FitConfig, path: Path) -> Path:
    write_atomically(path, to_yaml(asdict(config)))
    return path


def _distribution(dimension: Range | Choices) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.labels)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _study(database: Path, direction: StudyDirection) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = URL.create("sqlite", database=str(database))  # escapes the path, which may contain a question mark
    try:
        storage = optuna.storages.RDBStorage(url.render_as_string(), {"connect_args": {"timeout": BUSY_SECONDS}})
        return optuna.create_study(storage=storage, study_name="sweep", direction=direction, load_if_exists=True)
    except RuntimeError as error:  # Optuna raises it for another version's database
        raise UserError(f"{database}: {' '.join(str(error).split())}; {ANEW}") from error


@contextmanager
def _database_errors(database: Path) -> Iterator[None]:
    """Turns an error of the database into a UserError.

    SQLite's operational errors, such as a lock or a full disk, leave the database intact.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        remedy = RESUME if isinstance(cause, OperationalError) else ANEW
        raise UserError(f"{database}: {getattr(cause, 'orig', cause)}; {remedy}") from error

"""Loggers continue when a run is resumed, lose no finished epoch, and receive numbers and settings but no paths."""

import struct
from dataclasses import replace
from functools import wraps

import pandas as pd
import pytest

from multiskin.config import Columns, DataConfig, FitConfig, LogConfig, ModelConfig, TrainerConfig
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.training.fit import fit
from multiskin.training.loggers import Curves, create_loggers
from multiskin.training.module import SkinModule

SECRET = "/home/kim/patients"
STEPS = 4  # an epoch


class TestCurves:
    def test_new_columns_leave_gaps_in_earlier_rows(self, tmp_path):
        curves = Curves(tmp_path / "metrics.csv", [])
        curves.log_metrics({"epoch": 0, "b": 0.5}, 4)
        curves.log_metrics({"epoch": 1, "a": 0.25}, 9)
        assert (tmp_path / "metrics.csv").read_bytes() == b"a,b,epoch,step\r\n,0.5,0,4\r\n0.25,,1,9\r\n"

    def test_a_row_that_has_no_room_leaves_those_before(self, tmp_path):
        resource = pytest.importorskip("resource")
        curves = Curves(tmp_path / "metrics.csv", [])
        curves.log_metrics({"loss": 0.5}, 4)
        before = (tmp_path / "metrics.csv").read_bytes()
        _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 2, hard))
        try:
            with pytest.raises(OSError, match=r"metrics\.csv"):
                curves.log_metrics({"loss": 0.25}, 9)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / "metrics.csv").read_bytes() == before
        assert list(tmp_path.iterdir()) == [tmp_path / "metrics.csv"]

    def test_rows_of_an_epoch_begun_come_again(self, tmp_path):
        run = RunFolder(tmp_path)
        run.curves.parent.mkdir()
        run.curves.write_text("epoch,loss,step\n0,0.5,4\n1,0.4,9\n2,0.3,14\n")
        [curves] = create_loggers(FitConfig(), run, finished=2)
        curves.log_metrics({"epoch": 2, "loss": 0.2}, 14)
        assert run.curves.read_text().split() == ["epoch,loss,step", "0,0.5,4", "1,0.4,9", "2,0.2,14"]

    def test_another_file_in_their_place_is_a_users_mistake(self, tmp_path):
        run = RunFolder(tmp_path)
        run.curves.parent.mkdir()
        run.curves.write_text("x,y\n1,2\n")
        with pytest.raises(UserError, match="not the log that 'fit' wrote"):
            create_loggers(FitConfig(), run, finished=1)


def test_loggers_are_told_no_path_of_grades(tmp_path):
    pytest.importorskip("tensorboard")
    data = DataConfig(root=SECRET, exclude=f"{SECRET}/doubtful.csv", relabel=f"{SECRET}/corrected.csv")
    config = FitConfig(schema=SECRET, data=data, log=LogConfig(["tensorboard"]))
    _, logger = create_loggers(config, RunFolder(tmp_path))
    logger.save()
    logger.finalize("success")
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"efficientnet_b0" in written
    assert b"kim" not in written


class Killed(BaseException):
    """An exception that nothing catches."""


@pytest.fixture
def resumed(photos, graded_folder, tmp_path, monkeypatch):
    """A run of three epochs that was killed in the second one and resumed."""

    def trained(logger, killed_in, between=lambda: None):
        data = DataConfig(str(graded_folder), columns=Columns(subject="subject"), num_workers=0)
        config = FitConfig(
            out=str(tmp_path / "run"),
            offline=True,
            data=replace(data, batch_size=3, draws_per_epoch=3 * STEPS),
            model=ModelConfig("test_efficientnet", "none", 64),
            trainer=TrainerConfig(max_epochs=3, progress=False, accelerator="cpu"),
            log=LogConfig([logger]),
        )
        hook = getattr(SkinModule, killed_in)

        @wraps(hook)
        def killed(module, *arguments):
            if module.current_epoch == 1:
                raise Killed
            return hook(module, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(SkinModule, killed_in, killed)
            with pytest.raises(Killed):
                fit(config, photos)
        between()
        return fit(replace(config, ckpt_path="last"), photos)

    return trained


def assert_same_curve(points, run, key):
    """The steps and values in a logger are those of the CSV file, each once."""
    table = pd.read_csv(run.curves).dropna(subset=key)
    assert [step for step, _ in points] == table["step"].tolist() == [STEPS - 1, 2 * STEPS - 1, 3 * STEPS - 1]
    assert [value for _, value in points] == pytest.approx(table[key].tolist())


@pytest.mark.parametrize("killed_in", ["training_step", "on_train_epoch_end"])  # before and after it is validated
def test_tensorboard_goes_on_in_its_folder(killed_in, resumed):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = resumed("tensorboard", killed_in)
    shown = accumulators.EventAccumulator(str(run.root / "tensorboard")).Reload()
    for key in ("train/loss", "val/loss", "sampling/shine/effective"):
        assert_same_curve([(event.step, event.value) for event in shown.Scalars(key)], run, key)


@pytest.mark.filterwarnings("ignore")  # its own
def test_mlflow_goes_on_with_its_run(resumed):
    mlflow = pytest.importorskip("mlflow")
    run = resumed("mlflow", "training_step")
    client = mlflow.MlflowClient(f"sqlite:///{run.root.resolve() / 'mlflow.db'}")
    [experiment] = [each for each in client.search_experiments() if each.name == "multiskin"]
    [known] = client.search_runs([experiment.experiment_id])
    assert known.info.status == "FINISHED"
    assert known.data.params["model/backbone"] == "test_efficientnet"
    for key in ("train/loss", "val/loss"):
        history = client.get_metric_history(known.info.run_id, key)
        assert_same_curve([(metric.step, metric.value) for metric in history], run, key)


@pytest.mark.processes
def test_wandb_goes_on_under_its_name(resumed):
    """Offline, each start has a file of its own; 'wandb sync' appends one to the other."""
    import wandb

    run = resumed("wandb", "training_step", between=wandb.finish)
    wandb.teardown()  # waits until all is written
    first, second = sorted((run.root / "wandb").glob("offline-run-*/run-*.wandb"))
    assert first.name == second.name
    assert [logged_epochs(file) for file in (first, second)] == [[0, 0], [1, 1, 2, 2]]


def logged_epochs(file):
    from wandb.proto.wandb_internal_pb2 import Record

    records = [Record.FromString(content) for content in leveldb_records(file.read_bytes()[7:], 7)]
    items = [item for record in records for item in record.history.item]
    return [int(item.value_json) for item in items if "epoch" in (item.key, *item.nested_key)]


def leveldb_records(content, start):
    """Records cut into blocks of 32 KiB: https://github.com/google/leveldb/blob/main/doc/log_format.md."""
    place, record = 0, b""
    while place + 7 <= len(content):
        left = 32768 - (place + start) % 32768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last part
            yield record
            record = b""

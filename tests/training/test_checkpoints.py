"""A run that was stopped at any moment and resumed ends like one that was not: same weights, same logs."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
import torch
import yaml

from multiskin.config import Columns, DataConfig, FitConfig, ModelConfig, Recipe, TrainerConfig
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.training.checkpoints import AtomicCheckpointIO, changes
from multiskin.training.fit import fit
from multiskin.training.module import SkinModule

EPOCHS, STEPS = 3, 4  # of three photos each


@pytest.fixture(scope="module")
def config(graded_folder):
    return FitConfig(
        data=DataConfig(
            root=str(graded_folder),
            columns=Columns(subject="subject"),
            batch_size=3,
            num_workers=0,
            draws_per_epoch=3 * STEPS,
        ),
        model=ModelConfig("test_efficientnet", "none", 64),
        recipe=Recipe(dropout=0.5, resample="balanced", augment=["RandomResizedCrop", "HorizontalFlip"]),
        trainer=TrainerConfig(max_epochs=EPOCHS, progress=False, accelerator="cpu", every_n_train_steps=1),
    )


@pytest.fixture(scope="module")
def whole(config, photos, tmp_path_factory):
    """A run that was not interrupted."""
    return fit(replace(config, out=str(tmp_path_factory.mktemp("whole") / "run")), photos)


class Killed(BaseException):
    """An exception that nothing catches."""


def stop_after(step, monkeypatch, photos, config, batches=0):
    """A run that ends in the middle of a step, after some of its batches, as if it had been killed."""
    left = itertools.count(batches, -1)

    def step_or_die(module, batch):
        if module.global_step == step and not next(left):
            raise Killed
        return training_step(module, batch)

    training_step = SkinModule.training_step
    with monkeypatch.context() as patch:
        patch.setattr(SkinModule, "training_step", step_or_die)
        with pytest.raises(Killed):
            fit(config, photos)


def assert_same_run(run, whole):
    for name in ("best", "last"):
        ours, theirs = (torch.load(getattr(each, name), weights_only=True) for each in (run, whole))
        for weights in ("state_dict", "current_model_state", "averaging_state"):
            assert ours[weights].keys() == theirs[weights].keys()
            for key, tensor in theirs[weights].items():
                assert torch.equal(ours[weights][key], tensor), (name, weights, key)
        assert ours["global_step"] == theirs["global_step"]
    pd.testing.assert_frame_equal(curves(run), curves(whole))


def curves(run):
    """All logged numbers, one row per epoch."""
    table = pd.read_csv(run.curves).drop(columns=["step", "train/seconds"]).groupby("epoch").first()
    return table[sorted(table)]


@pytest.mark.parametrize(
    "step",
    [STEPS - 1, STEPS, 3 * STEPS - 1, *(pytest.param(other, marks=pytest.mark.slow) for other in (0, 1, STEPS + 2))],
)
def test_a_run_stopped_in_any_step_goes_on_as_if_nothing_had_happened(
    step, config, photos, whole, tmp_path, monkeypatch
):
    ours = replace(config, out=str(tmp_path / "run"))
    stop_after(step, monkeypatch, photos, ours)
    assert_same_run(fit(replace(ours, ckpt_path="last"), photos), whole)


def test_checkpoints_at_the_end_of_epochs_alone_do_as_well(config, photos, whole, tmp_path, monkeypatch):
    ours = replace(config, out=str(tmp_path / "run"), trainer=replace(config.trainer, every_n_train_steps=None))
    stop_after(STEPS + 3, monkeypatch, photos, ours)
    assert_same_run(fit(replace(ours, ckpt_path="last"), photos), whole)


@pytest.mark.slow
def test_with_workers_too(config, photos, whole, tmp_path, monkeypatch):
    ours = replace(config, out=str(tmp_path / "run"), data=replace(config.data, num_workers=2))
    stop_after(STEPS + 3, monkeypatch, photos, ours)
    assert_same_run(fit(replace(ours, ckpt_path="last"), photos), whole)


def test_a_run_may_be_stopped_twice(config, photos, whole, tmp_path, monkeypatch):
    ours = replace(config, out=str(tmp_path / "run"))
    stop_after(STEPS + 1, monkeypatch, photos, ours)
    stop_after(STEPS + 3, monkeypatch, photos, replace(ours, ckpt_path="last"))
    assert_same_run(fit(replace(ours, ckpt_path="last"), photos), whole)


def test_a_run_stopped_between_two_batches_of_a_step_repeats_the_first(config, photos, tmp_path, monkeypatch):
    trainer = replace(config.trainer, max_epochs=2, accumulate_grad_batches=2)
    whole, ours = (replace(config, out=str(tmp_path / name), trainer=trainer) for name in ("whole", "run"))
    stop_after(STEPS // 2, monkeypatch, photos, ours, batches=1)
    assert_same_run(fit(replace(ours, ckpt_path="last"), photos), fit(whole, photos))


def test_a_run_that_never_began_begins(config, photos, whole, tmp_path):
    assert_same_run(fit(replace(config, out=str(tmp_path / "run"), ckpt_path="last"), photos), whole)


def test_a_last_checkpoint_that_was_cut_short_is_named_with_what_to_do(config, photos, whole, tmp_path):
    run = RunFolder(shutil.copytree(whole.root, tmp_path / "run"))
    ours = replace(config, out=str(run.root), ckpt_path="last")
    run.last.write_bytes(run.last.read_bytes()[:1000])
    said = rf"^checkpoint {run.last}: not readable \(\w+\); remove this run's folder and start again$"
    with pytest.raises(UserError, match=said):
        fit(ours, photos)
    with pytest.raises(UserError, match=r"fit\.py: not readable .*; give a \.ckpt file of a run$"):
        fit(replace(ours, ckpt_path=fit.__code__.co_filename), photos)


def test_a_run_that_stopped_early_does_not_go_on(config, photos, tmp_path, monkeypatch):
    log, rising = SkinModule.log, itertools.count()

    def log_worse(module, name, value, **options):
        log(module, name, float(next(rising)) if name == "val/loss" else value, **options)

    monkeypatch.setattr(SkinModule, "log", log_worse)
    trainer = replace(config.trainer, max_epochs=8, patience=1, monitor="val/loss")
    stopping = replace(config, out=str(tmp_path / "run"), trainer=trainer)
    run = fit(stopping, photos)
    before = {path: path.read_bytes() for path in (run.best, run.last, run.curves)}
    assert pd.read_csv(run.curves)["epoch"].max() == 1
    fit(replace(stopping, ckpt_path="last"), photos)
    assert {path: path.read_bytes() for path in before} == before


def test_a_finished_run_stays_as_it_is(config, photos, whole, tmp_path):
    ours = replace(config, out=str(tmp_path / "run"))
    fit(ours, photos)
    assert_same_run(fit(replace(ours, ckpt_path="last"), photos), whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda config: replace(config, seed=1), "seed was 0 and is 1"),
        (lambda config: replace(config, recipe=replace(config.recipe, dropout=0.1)), "recipe.dropout was 0.5 and is"),
        (lambda config: replace(config, ckpt_path="nowhere.ckpt"), "nowhere.ckpt: no such file"),
    ],
)
def test_another_run_is_not_gone_on_with(change, said, config, photos, whole):
    with pytest.raises(UserError, match=said):
        fit(change(replace(config, out=str(whole.root), ckpt_path="last")), photos)


def test_other_photos_are_another_run(config, photos, whole):
    kept = photos.split != "test"
    fewer = replace(photos, manifest=photos.manifest.select(kept), split=photos.split[kept])
    with pytest.raises(UserError, match="other photos or another split"):
        fit(replace(config, out=str(whole.root), ckpt_path="last"), fewer)


def test_a_folder_has_one_run_at_a_time(config, photos, whole):
    with whole.locked(), pytest.raises(UserError, match="in use by another run"):
        fit(replace(config, out=str(whole.root), ckpt_path="last"), photos)


def test_a_folder_that_holds_something_else_is_no_run(config, photos, tmp_path):
    (tmp_path / "thesis.tex").write_text("chapter one")
    with pytest.raises(UserError, match=r"holds thesis\.tex but no run to resume"):
        fit(replace(config, out=str(tmp_path), ckpt_path="last"), photos)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)

    def full(_, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        AtomicCheckpointIO().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(config, photos, whole, tmp_path):
    """A real process, killed repeatedly at random moments."""
    settings = tmp_path / "config.yaml"
    content = yaml.safe_load(whole.config.read_text()) | {"schema": str(whole.schema), "test": False}
    settings.write_text(yaml.safe_dump(content))
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "multiskin", "fit", "--config", settings, "--out", run.root, "--ckpt_path", "last"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    subprocess.run([*command[:-4], "--out", tmp_path / "timed"], check=True, env=environment)
    seconds, random_moments, kills = time.monotonic() - began, random.Random(0), 0
    while kills < 20:
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            process.wait(timeout=random_moments.uniform(0.5, 1.1) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert process.returncode == 0
            assert_same_run(run, whole)
            run = RunFolder(tmp_path / f"run-{kills}")  # it got through; the next one begins anew
            command[command.index("--out") + 1] = run.root
    subprocess.run(command, check=True, env=environment)
    assert_same_run(run, whole)


def test_changes_are_told_by_name():
    assert changes({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}) == [
        "a was 1 and is None",
        "c was 3 and is 4",
        "d was None and is 5",
    ]

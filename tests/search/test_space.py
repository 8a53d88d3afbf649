"""Search space files: how they are read, and what is refused before training."""

from pathlib import Path

import pytest

from multiskin.config import FitConfig
from multiskin.errors import UserError
from multiskin.search.space import Choices, Range, load_space, wandb_sweep

SWEEPS = sorted((Path(__file__).parents[2] / "configs" / "sweeps").glob("*.yaml"))
MONITOR = "val/mean/rps_balanced"


def load(tmp_path, text, monitor=MONITOR):
    (tmp_path / "space.yaml").write_text(text, encoding="utf-8")
    return load_space(tmp_path / "space.yaml", monitor, ("shine", "lines"))


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("optimizer.lr: {low: 1e-4, high: 1.5e2, log: true}", Range(1e-4, 150, log=True, whole=False)),
        ("optimizer.lr: {low: 0, high: 1}", Range(0, 1, log=False, whole=False)),
        ("trainer.max_epochs: {low: 5, high: 20}", Range(5, 20, log=False, whole=True)),
        ("trainer.patience: {low: 5, high: 20}", Range(5, 20, log=False, whole=True)),  # a number or null
        ("trainer.ema_decay: {low: 0.9, high: 0.99}", Range(0.9, 0.99, log=False, whole=False)),
        ("data.batch_size: {choices: [16, 32]}", Choices((16, 32))),
        ("recipe.augment: {choices: [[Resize], []]}", Choices((["Resize"], []))),
        ("recipe.loss_options.gamma: {low: 1, high: 5}", Range(1, 5, log=False, whole=False)),
        ("heads.lines.loss_weight: {low: 1, high: 5}", Range(1, 5, log=False, whole=False)),
        ("heads.lines.loss_options.gamma: {low: 1, high: 5}", Range(1, 5, log=False, whole=False)),
    ],
)
def test_an_option_has_a_range_or_choices(tmp_path, text, dimension):
    space = load(tmp_path, text)
    assert list(space.values()) == [dimension]
    assert list(space) == [text.split(":")[0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no option to search"),
        ("- optimizer.lr", "no option to search"),
        ("a: b: c", "not readable as YAML"),
        ("optimizer.lrr: {low: 1, high: 2}", "closest are .*optimizer.lr"),
        ("optimizer: {low: 1, high: 2}", "unknown option 'optimizer'"),
        ("heads.lines: {choices: [{}]}", "unknown option 'heads.lines'"),
        ("heads.line.share: {low: 1, high: 2}", r"unknown option .* closest are .*heads\.lines\.share"),
        ("optimizer.lr: 0.1", r"optimizer\.lr is 0\.1; give"),
        ("optimizer.lr: {lo: 1, high: 2}", "unknown key 'lo': did you mean 'low'"),
        ("optimizer.lr: {high: 2}", "low is None; give a number"),
        ("optimizer.lr: {low: tiny, high: 2}", "low is 'tiny'; give a number"),
        ("optimizer.lr: {low: true, high: 2}", "low is True; give a number"),
        ("optimizer.lr: {low: 1, high: .inf}", "high is inf; give a number"),
        ("optimizer.lr: {low: 2, high: 1}", "low must be less than high"),
        ("optimizer.lr: {low: 1, high: 1}", "low must be less than high"),
        ("optimizer.lr: {low: 0, high: 1, log: true}", "has no logarithm"),
        ("optimizer.lr: {low: 1, high: 2, log: 10}", "log is 10; give true or false"),
        ("trainer.max_epochs: {low: 1.5, high: 3}", "low is 1.5; give a whole number"),
        ("model.backbone: {low: 1, high: 3}", "only numbers have a range"),
        ("data.split.ratios: {low: 1, high: 3}", "the same for all trials"),
        ("data.batch_size: {choices: []}", "list of choices with at least one"),
        ("data.batch_size: {choices: 16}", "list of choices with at least one"),
        ("data.batch_size: {choices: [16], low: 1}", "no range besides"),
        ("trainer.monitor: {choices: [val/loss]}", "the same for all trials"),
        ("seed: {low: 0, high: 9}", "the same for all trials"),
        ("log.project: {choices: [a]}", "does not affect results"),
        ("data.num_workers: {low: 1, high: 2}", "does not affect results"),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, text)
    assert str(tmp_path / "space.yaml") in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--space .*nowhere\.yaml: No such file"):
        load_space(tmp_path / "nowhere.yaml", MONITOR, ())


@pytest.mark.parametrize("option", ["recipe.loss", "recipe.loss_options.gamma", "heads.lines.loss_weight"])
def test_trials_with_different_losses_are_not_compared_by_val_loss(tmp_path, option):
    text = f"{option}: {{choices: [1]}}"
    assert option in load(tmp_path, text)
    with pytest.raises(UserError, match=r"changes what val/loss measures.*trainer\.monitor"):
        load(tmp_path, text, "val/loss")


def test_labels_map_back_to_choices_of_any_kind():
    choices = Choices((None, True, 0.5, "a", ["Resize"], [{"Resize": {"size": 3}}], [{"Resize": {"size": 4}}]))
    assert [choices.value(label) for label in choices.labels] == list(choices.values)
    assert all(isinstance(label, str | float | bool | None) for label in choices.labels)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_included_spaces_can_be_searched(path):
    assert load_space(path, FitConfig().trainer.monitor, ())


def test_a_wandb_sweep_searches_the_same(tmp_path):
    space = load(
        tmp_path,
        """
        optimizer.lr: {low: 1e-4, high: 1e-2, log: true}
        optimizer.weight_decay: {low: 0, high: 1}
        data.batch_size: {low: 4, high: 64, log: true}
        trainer.max_epochs: {low: 5, high: 20}
        trainer.ema_decay: {choices: [null, 0.99]}
        """,
    )
    content = wandb_sweep(space, "val/mean/kappa", "max", "skin", 30, "train $@")
    assert content["method"] == "bayes"
    assert content["run_cap"] == 30
    assert content["metric"] == {"name": "val/mean/kappa", "goal": "maximize"}
    assert content["command"] == ["sh", "-c", "train $@", "fit", "${args}"]
    assert content["parameters"] == {
        "optimizer.lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "optimizer.weight_decay": {"distribution": "uniform", "min": 0, "max": 1},
        "data.batch_size": {"distribution": "q_log_uniform_values", "min": 4, "max": 64, "q": 1},
        "trainer.max_epochs": {"distribution": "int_uniform", "min": 5, "max": 20},
        "trainer.ema_decay": {"values": ["null", 0.99]},
    }
    assert wandb_sweep(space, "val/loss", "min", "skin", 30, "")["metric"]["goal"] == "minimize"

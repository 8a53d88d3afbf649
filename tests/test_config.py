"""Each head has a complete recipe: the shared one, updated with the options of that head."""

import re
from dataclasses import asdict, fields
from operator import attrgetter

import pytest
import yaml

from multiskin.config import LOWEST, FitConfig, Recipe, TrainerConfig, check_values, head_recipes, with_options
from multiskin.errors import UserError

NAMES = ("oil", "주름", "tone")


def recipes(heads, shared=None):
    return head_recipes(FitConfig(recipe=shared or Recipe(), heads=heads), NAMES)


def test_heads_share_a_recipe_by_default():
    shared = Recipe(loss="focal", loss_options={"gamma": 3.0}, dropout=0.4)
    assert recipes({}, shared) == [shared] * 3
    changes = {"주름": {"loss": "cross_entropy", "share": 2.5}, "tone": {"resample": "balanced"}}
    oil, wrinkle, tone = recipes(changes, shared)
    assert oil == shared
    assert asdict(wrinkle) == asdict(shared) | {"loss": "cross_entropy", "share": 2.5}
    assert asdict(tone) == asdict(shared) | {"resample": "balanced"}


def test_a_change_replaces_the_whole_option():
    shared = Recipe(loss_options={"gamma": 3.0, "alpha": 1.0}, augment=["HorizontalFlip", "RGBShift"])
    oil, _, _ = recipes({"oil": {"loss_options": {"gamma": 1.0}, "augment": []}}, shared)
    assert oil.loss_options == {"gamma": 1.0}
    assert oil.augment == []


def test_heads_do_not_share_mutable_options():
    shared = Recipe()
    first, second, _ = recipes({}, shared)
    first.augment.append("RGBShift")
    first.loss_options["gamma"] = 1.0
    assert second == shared == Recipe()


def test_every_option_may_differ_between_heads():
    changes = {
        "loss": "focal",
        "loss_options": {"gamma": 1.5},
        "loss_weight": 0.5,
        "resample": [0.1, 0.2, 0.7],
        "share": 3.0,
        "augment": ["RGBShift", {"RandomCrop": {"size": [200, 100]}}],
        "dropout": 0.0,
        "hidden": 64,
        "stride": 16,
        "decision": "median",
        "credit": [[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-2.0, 0.0, 1.0]],
        "calibration": "vector",
    }
    assert set(changes) == {option.name for option in fields(Recipe)}
    _, _, tone = recipes({"tone": changes})
    assert asdict(tone) == changes


def test_numbers_are_read_as_yaml_writes_them():
    (oil, *_) = recipes({"oil": yaml.safe_load("{share: 2, dropout: 1e-1, resample: [1, 0, 2]}")})
    assert oil.share == 2.0
    assert oil.dropout == 0.1  # which YAML takes for text
    assert oil.resample == [1.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        ({"oli": {}}, "heads: unknown attribute 'oli': did you mean 'oil'? choose one of oil, 주름, tone"),
        ({"oil": {"los": "focal"}}, "heads.oil: unknown option 'los': did you mean 'loss'?"),
        ({"tone": {7: "focal"}}, "heads.tone: unknown option 7: choose one of loss, "),
        ({"tone": {"loss": None}}, "heads.tone.loss: no value; give one, or leave the option out"),
    ],
)
def test_an_unknown_name_or_missing_value_is_named(heads, said):
    with pytest.raises(UserError) as caught:
        recipes(heads)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("loss", 3),
        ("loss_options", {"gamma": "much"}),
        ("loss_options", 2.0),
        ("loss_weight", "heavy"),
        ("resample", 5),
        ("resample", ["some"]),
        ("share", True),
        ("augment", "Resize"),
        ("augment", [5]),
        ("augment", [{"Resize": 224}]),
        ("dropout", [0.2]),
        ("decision", "mode"),
        ("hidden", 2.5),
        ("stride", "half"),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_with_its_head_and_option(option, value):
    with pytest.raises(UserError) as caught:
        recipes({"주름": {option: value}})
    message = str(caught.value)
    assert message.startswith((f"heads.주름.{option}: give ", f"heads.주름.{option} is '"))


def test_a_mistake_in_the_shared_recipe_is_found():
    with pytest.raises(UserError, match=r"^heads\.oil\.dropout: give a number, not 'lots'$"):
        recipes({}, Recipe(dropout="lots"))


class TestCheckValues:
    def test_the_defaults_are_fine(self):
        check_values(FitConfig())

    @pytest.mark.parametrize("option", LOWEST)
    def test_numbers_below_the_lowest_are_refused(self, option):
        config = FitConfig()
        *place, name = option.split(".")
        setattr(attrgetter(".".join(place))(config) if place else config, name, LOWEST[option] - 1)
        with pytest.raises(UserError, match=re.escape(option)):
            check_values(config)

    def test_an_average_that_never_changes_is_refused(self):
        with pytest.raises(UserError, match=r"trainer\.ema_decay is 1"):
            check_values(FitConfig(trainer=TrainerConfig(ema_decay=1.0)))

    def test_null_is_refused_for_options_that_need_a_value(self):
        check_values(FitConfig(trainer=TrainerConfig(ema_decay=None, patience=None)))
        with pytest.raises(UserError, match=r"trainer\.max_epochs: no value"):
            check_values(FitConfig(trainer=TrainerConfig(max_epochs=None)))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_the_weight_of_a_loss_is_finite_and_not_negative(weight):
    with pytest.raises(UserError, match=r"heads\.a\.loss_weight"):
        head_recipes(FitConfig(heads={"a": {"loss_weight": weight}}), ["a", "b"])


def test_at_least_one_loss_has_a_weight():
    with pytest.raises(UserError, match="0 for every head"):
        head_recipes(FitConfig(recipe=Recipe(loss_weight=0.0)), ["a", "b"])


def test_only_the_given_options_change():
    config = FitConfig(
        heads={"lines": {"share": 2.0, "loss_options": {"gamma": 1.0, "alpha": 3.0}}, "shine": {"loss_options": None}}
    )
    before = asdict(config)
    changed = with_options(
        config,
        {
            "optimizer.lr": 0.5,
            "heads.lines.loss_options.gamma": 2.0,
            "heads.shine.dropout": 0.1,
            "heads.shine.loss_options.gamma": 1.0,
            "recipe.augment": ["Resize"],
        },
    )
    after = asdict(changed)
    assert after.pop("optimizer") == before["optimizer"] | {"lr": 0.5}
    assert after.pop("recipe") == before["recipe"] | {"augment": ["Resize"]}
    assert after.pop("heads") == {
        "lines": {"share": 2.0, "loss_options": {"gamma": 2.0, "alpha": 3.0}},
        "shine": {"dropout": 0.1, "loss_options": {"gamma": 1.0}},
    }
    assert asdict(config) == before
    assert after == {key: before[key] for key in after}

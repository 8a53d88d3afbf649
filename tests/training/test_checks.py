"""Invalid settings are refused before training starts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from multiskin.config import FitConfig, ModelConfig
from multiskin.errors import UserError
from multiskin.models.backbone import create_backbone
from multiskin.schema import MISSING, Attribute, Schema
from multiskin.training.checks import check, check_last_batch, check_validation, credit_in_doubt, monitor_mode


@pytest.fixture
def config():
    return FitConfig(model=ModelConfig("test_efficientnet", "none", 64))


class TestMonitor:
    @pytest.mark.parametrize(
        ("monitor", "mode"),
        [
            ("val/loss", "min"),
            ("val/mean/rps_balanced", "min"),
            ("val/mean/kappa", "max"),
            ("val/a/mae", "min"),
            ("val/b/balanced_accuracy", "max"),
        ],
    )
    def test_knows_which_way_is_better(self, monitor, mode):
        assert monitor_mode(monitor, Schema((Attribute("a", 5), Attribute("b", 3, "nominal")))) == mode

    @pytest.mark.parametrize(
        "monitor", ["val/mean/n", "val/b/kappa", "val/c/kappa", "kappa", "val/mean/p_recall_constant"]
    )
    def test_refuses_what_validation_does_not_give_or_cannot_improve(self, monitor):
        with pytest.raises(UserError, match=r"trainer\.monitor"):
            monitor_mode(monitor, Schema((Attribute("a", 5), Attribute("b", 3, "nominal"))))

    def test_refuses_a_head_without_validation_grades(self, photos):
        val = photos.side("val")
        name = val.schema.names[0]
        blind = replace(val, grades=np.where(np.arange(len(val.schema)) == 0, MISSING, val.grades))
        with pytest.raises(UserError, match=f"no validation photo is graded for {name}"):
            check_validation(f"val/{name}/kappa", blind)
        check_validation("val/mean/kappa", blind)
        with pytest.raises(UserError, match="no validation photo is graded"):
            check_validation("val/mean/kappa", val.select(np.array([], int)))


class TestCredit:
    EARNED = tuple(tuple(map(float, row)) for row in np.eye(5))

    @pytest.mark.parametrize(
        ("recipe", "heads", "head"),
        [
            ({"credit": EARNED, "decision": "argmax"}, {}, "shine"),
            ({"decision": "credit"}, {"lines": {"credit": EARNED, "decision": "median"}}, "lines"),
            ({"decision": "expectation"}, {"lines": {"credit": EARNED}}, "lines"),
        ],
    )
    def test_that_no_decision_asks_for_is_a_mistake(self, recipe, heads, head, config):
        schema = Schema((Attribute("shine", 5), Attribute("lines", 5)))
        asked = replace(config, recipe=replace(config.recipe, **recipe), heads=heads)
        with pytest.raises(UserError, match=rf"heads\.{head}\.credit: not used, .* set decision to credit"):
            check(asked, schema)

    def test_of_all_heads_may_be_passed_over_by_one(self, config):
        schema = Schema((Attribute("shine", 5), Attribute("lines", 5)))
        recipe = replace(config.recipe, decision="credit", credit=self.EARNED)
        check(replace(config, recipe=recipe, heads={"lines": {"decision": "median"}}), schema)

    def test_on_probabilities_that_are_none_of_the_grades_is_told_with_the_remedy(self, config):
        schema = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 3, "nominal")))
        recipe = replace(config.recipe, loss="focal", decision="credit")
        said = credit_in_doubt(replace(config, recipe=recipe), schema)
        assert said.startswith("shine (focal), lines (focal): decision credit")
        assert said.endswith("set calibration: cumulative")

    @pytest.mark.parametrize("loss", ["label_smoothing", "sord", "binomial_labels", "beta_labels", "triangular_labels"])
    def test_is_in_doubt_where_a_loss_blurs_the_grades(self, loss, config):
        schema = Schema((Attribute("shine", 5),))
        asked = replace(config, recipe=replace(config.recipe, loss=loss, decision="credit"))
        assert credit_in_doubt(asked, schema).startswith(f"shine ({loss}): decision credit")

    @pytest.mark.parametrize(
        "changes",
        [
            {"decision": "argmax"},
            {"calibration": "cumulative"},
            {"loss": "cross_entropy"},
            {"loss": "class_balanced_cross_entropy"},
            {"loss_options": {"gamma": 0}},
        ],
    )
    def test_that_is_not_in_doubt_is_passed_over(self, config, changes):
        schema = Schema((Attribute("shine", 5), Attribute("lines", 5)))
        recipe = replace(config.recipe, loss="focal", decision="credit")
        asked = replace(config, recipe=recipe, heads={"lines": changes})
        assert credit_in_doubt(asked, schema).startswith("shine (focal): ")
        assert credit_in_doubt(replace(asked, recipe=replace(recipe, **changes)), schema) == ""


class TestGradesWithoutAnOrder:
    SCHEMA = Schema((Attribute("shine", 5), Attribute("kind", 2, "nominal")))

    @pytest.mark.parametrize(
        ("own", "words"),
        [
            ({"decision": "median"}, "decision 'median': needs ordered grades, but kind is nominal; use argmax"),
            ({"decision": "credit", "credit": [[1, 0], [0, 1]]}, "decision 'credit': needs ordered grades"),
            ({"credit": [[1]]}, "decision 'credit': needs ordered grades, but kind is nominal; use argmax"),
            ({"calibration": "cumulative"}, "method 'cumulative': needs .* but kind is nominal; use bias_corrected"),
        ],
    )
    def test_refuse_what_would_do_nothing_for_them(self, own, words, config):
        with pytest.raises(UserError, match=words):
            check(replace(config, heads={"kind": own}), self.SCHEMA)

    def test_pass_over_what_is_said_of_all_and_take_what_fits(self, config):
        recipe = replace(config.recipe, decision="credit", calibration="cumulative")
        for own in ({}, {"decision": "argmax", "calibration": "vector"}, {"credit": None, "calibration": None}):
            check(replace(config, recipe=recipe, heads={"kind": own}), self.SCHEMA)


class TestLastBatch:
    @pytest.mark.parametrize(("batch_size", "draws"), [(4, 5), (4, 1), (1, 8)])
    def test_of_one_photo_is_refused_where_it_cannot_be_normalized(self, batch_size, draws, config):
        config.data.batch_size, config.model.input_size = batch_size, 32  # whose final map is a single pixel
        backbone = create_backbone(config.model)
        before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
        with pytest.raises(UserError, match=rf"batch_size is {batch_size}: the last of {draws} photos per epoch would"):
            check_last_batch(backbone, config, draws)
        assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())

    @pytest.mark.parametrize(("input_size", "draws"), [(32, 6), (64, 5)])
    def test_that_can_be_normalized_is_passed_over(self, input_size, draws, config):
        config.data.batch_size, config.model.input_size = 4, input_size
        check_last_batch(create_backbone(config.model), config, draws)

"""Study files: what they may contain, and the runs they plan."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from multiskin.cli.settings import fit_config
from multiskin.compare.study import Study, plan_study, require_same_photos
from multiskin.config import FitConfig, Recipe, head_recipes
from multiskin.errors import UserError
from multiskin.models.blueprint import Blueprint
from multiskin.training.memory import check_memory

CONTENT = {
    "title": "Loss",
    "baseline": "plain",
    "rows": {"plain": {"recipe.loss": "cross_entropy"}, "focal": {"recipe.loss": "focal", "recipe.dropout": 0.1}},
    "options": {"recipe.dropout": 0.5, "recipe.augment": ["Resize"]},
    "seeds": [3],
}
FOLDER = Path(__file__).parents[2] / "configs" / "studies"
STUDIES = sorted(FOLDER.glob("*.yaml"))


def load(tmp_path, **changes):
    content = {key: value for key, value in (CONTENT | changes).items() if value is not ...}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content))
    return Study.load(tmp_path / "study.yaml")


def test_a_rows_own_options_override_those_of_the_study(tmp_path):
    arguments = load(tmp_path).arguments("focal")
    assert sorted(arguments) == ['--recipe.augment=["Resize"]', "--recipe.dropout=0.1", "--recipe.loss=focal"]


def test_a_date_is_passed_as_text(tmp_path):
    study = load(tmp_path, rows={"plain": {}, "focal": {"log.project": date(2024, 5, 1)}})
    assert "--log.project=2024-05-01" in study.arguments("focal")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": ...}, "no title; a study needs title, baseline, rows"),
        ({"rows": {"plain": {}}}, "rows: give at least two"),
        ({"rows": {"plain": {}, "focal": "focal"}}, "rows: give at least two, each with its options"),
        ({"baseline": "plane"}, "unknown row 'plane': did you mean 'plain'"),
        ({"seed": [1]}, "unknown key 'seed': did you mean 'seeds'"),
        ({"seeds": 3}, "seeds: 3; give a list"),
        ({"seeds": [-1]}, "seeds: .* whole numbers from 0 up"),
        ({"seeds": [1, 1]}, "seeds: 1 is given twice"),
        ({"seeds": []}, "seeds: none given"),
        ({"config": 3}, "config: 3; give a file path"),
        ({"options": {"seed": 3}}, "seed: set by the study itself"),
        ({"rows": {"plain": {"schema": "a.yaml"}, "focal": {}}}, "schema: set by the study itself"),
        ({"full": {"epochs": 3}}, "full: unknown key 'epochs'"),
        ({"full": 3}, "full: 3; give a mapping of rows, options or seeds"),
        ({"full": ["seeds"]}, r"full: \['seeds'\]; give a mapping"),
        ({"full": {"rows": {"a": {}, "b": {}}}}, "baseline: unknown row 'plain'"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path, changes, words):
    with pytest.raises(UserError, match=words) as error:
        load(tmp_path, **changes)
    assert str(tmp_path / "study.yaml") in str(error.value)
    assert "--seeds" not in str(error.value)


def test_names_may_be_numbers_and_options_left_empty(tmp_path):
    study = load(tmp_path, rows={112: None, 224: {"model.input_size": 224}}, baseline=112, options=None)
    assert study.rows == {"112": {}, "224": {"model.input_size": 224}}
    assert (study.baseline, study.options) == ("112", {})


def test_a_file_that_is_not_a_study_is_named(tmp_path):
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(UserError, match=r"list\.yaml: not a study; give a mapping"):
        Study.load(tmp_path / "list.yaml")
    with pytest.raises(UserError, match=r"none\.yaml"):
        Study.load(tmp_path / "none.yaml")


def test_full_overrides_only_what_it_lists(tmp_path):
    study = load(tmp_path, full={"seeds": [0, 1, 2]})
    assert study.in_full() == replace(study, seeds=[0, 1, 2])
    with pytest.raises(UserError, match="has nothing under 'full'"):
        load(tmp_path).in_full()


def test_every_row_is_a_network_for_all_attributes_and_seeds(data_config, photos):
    base = FitConfig(data=data_config)
    configs = {"plain": base, "focal": replace(base, recipe=Recipe(loss="focal"))}
    runs = plan_study(configs, photos, [4, 5])
    assert [run.title for run in runs] == ["plain, seed 4", "focal, seed 4", "plain, seed 5", "focal, seed 5"]
    assert all(run.schema == photos.manifest.schema for run in runs)


def test_rows_with_the_same_settings_are_refused(data_config, photos):
    base = FitConfig(data=data_config)
    with pytest.raises(UserError, match="rows a and b have the same settings"):
        plan_study({"a": base, "b": base}, photos, [0])


def test_rows_share_their_photos(data_config):
    base = FitConfig(data=data_config)
    other = replace(base, data=replace(base.data, root="elsewhere"))
    require_same_photos({"a": base, "b": replace(base, data=replace(base.data, batch_size=3))})
    with pytest.raises(UserError, match="row b: test differs from that of a"):
        require_same_photos({"a": base, "b": replace(base, test=False)})
    with pytest.raises(UserError, match=r"row b: data\.root differs from that of a"):
        require_same_photos({"a": base, "b": other})


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_included_studies_are_measured_on_validation_photos(path):
    study = Study.load(path)
    for variant in (study, study.in_full()):
        assert variant.options["test"] is False
        assert len(variant.rows) > 1
    assert len(study.in_full().seeds) >= 3


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_studies_based_on_the_embedded_config_set_their_loss(path):
    study = Study.load(path)
    for variant in (study, study.in_full()):
        for settings in variant.rows.values():
            assert study.config or "recipe.loss" in variant.options | settings


def test_the_full_resolution_study_renders_at_its_largest_size_and_fits_a_small_gpu():
    study = Study.load(FOLDER / "resolution.yaml").in_full()
    configs = [fit_config("fit", "", study.arguments(row))[0] for row in study.rows]
    assert [config.model.input_size for config in configs] == [112, 224, 512, 1024]
    assert {config.data.render.size for config in configs} == {1024}
    assert {config.data.batch_size * config.trainer.accumulate_grad_batches for config in configs} == {16}
    config, schema = fit_config("fit", "", [*study.arguments("1024 pixels"), "--trainer.memory_budget=15GB"])
    counts = tuple((1,) * attribute.grades for attribute in schema)
    net = Blueprint(schema, config.model, tuple(head_recipes(config, schema.names)), counts).build()
    check_memory(config, net, "bf16-mixed")


def test_the_label_smoothing_study_has_the_settings_of_the_loss_study():
    losses, smoothing = (Study.load(FOLDER / f"{name}.yaml") for name in ("loss", "label_smoothing"))
    for one, other in ((losses, smoothing), (losses.in_full(), smoothing.in_full())):
        assert (other.options, other.seeds) == (one.options, one.seeds)
        assert other.rows.items() <= one.rows.items()
    assert [row for row in smoothing.rows if row != smoothing.baseline] == ["Masked label smoothing"]

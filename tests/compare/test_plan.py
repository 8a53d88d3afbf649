"""The planned runs of a comparison: what they share, and what distinguishes them."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from multiskin.compare import plan
from multiskin.compare.folds import plan_folds
from multiskin.compare.plan import (
    Experiment,
    check_seeds,
    interval_notice,
    names_of,
    plan_comparison,
    require_measurable,
    with_seeds,
)
from multiskin.compare.runs import Runs
from multiskin.config import DistillationConfig, FitConfig, ModelConfig, Recipe, SkinConfig, TrainerConfig, head_recipes
from multiskin.data.photos import load_photos
from multiskin.data.sampling import Mixture, effective_sample_size
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema


@pytest.fixture
def config(data_config):
    return FitConfig(
        data=data_config,
        recipe=Recipe(loss_weight=3.0, share=2.0, resample="balanced"),
        heads={"shine": {"loss": "focal", "share": 5.0}, "lines": {"resample": "square_root"}},
        trainer=TrainerConfig(max_epochs=4, monitor="val/mean/rps_balanced"),
    )


@pytest.fixture
def planned(config, photos):
    return plan_comparison(config, photos, [0, 1])


def graded_in_training(photos, attribute=None):
    grades = photos.side("train").grades != MISSING
    return int(
        grades.any(axis=1).sum() if attribute is None else grades[:, photos.manifest.schema.index(attribute)].sum()
    )


def test_every_seed_has_the_shared_model_and_one_for_each_attribute(planned):
    models = ["shared", "single-shine", "single-lines"]
    assert [(run.model, run.config.seed) for run in planned] == [(model, seed) for seed in (0, 1) for model in models]
    assert [run.schema.names for run in planned[:3]] == [("shine", "lines"), ("shine",), ("lines",)]


def test_a_single_model_has_its_heads_recipe_and_full_share(planned, config):
    shine, lines = (run.config for run in planned[1:3])
    assert shine.heads == {"shine": {"loss": "focal", "loss_weight": 1.0, "share": 1.0}}
    assert lines.heads == {"lines": {"resample": "square_root", "loss_weight": 1.0, "share": 1.0}}
    for single in (shine, lines):
        assert (single.model, single.recipe, single.optimizer) == (config.model, config.recipe, config.optimizer)


def test_a_single_model_sees_its_graded_photos_on_the_same_split(planned, photos):
    shared, shine, lines = (run.table.set_index("image") for run in planned[:3])
    assert len(shared) == len(photos.manifest)
    for table, own, other in ((shine, "shine", "lines"), (lines, "lines", "shine")):
        assert other not in table
        assert (table[own] != "").all()
        assert set(table.index) == set(shared.index[shared[own] != ""])
        pd.testing.assert_series_equal(table["split"], shared.loc[table.index, "split"])
    sides = dict(zip(photos.manifest.paths, photos.split, strict=True))
    assert shared["split"].to_dict() == sides


def test_an_attribute_called_split_keeps_its_grades(data_config, graded_folder, tmp_path):
    table = pd.read_csv(graded_folder / "labels.csv", dtype=str, keep_default_na=False).rename(
        columns={"lines": "split"}
    )
    table.to_csv(tmp_path / "labels.csv", index=False)
    data = replace(data_config, manifest=str(tmp_path / "labels.csv"))
    schema = Schema((Attribute("shine", 5), Attribute("split", 3)))
    photos = load_photos(data, schema)
    shared = plan_comparison(FitConfig(data=data), photos, [0])[0]
    fold = plan_folds(FitConfig(data=data), photos, 3)[0]
    for run in (shared, fold):
        assert run.table["split"].tolist() == table["split"].tolist()
    assert shared.table[shared.config.data.columns.split].tolist() == photos.split.tolist()
    assert set(fold.table[fold.config.data.columns.split]) == {"train", "val", "test"}


def test_a_shared_model_that_learns_from_single_ones_has_those_of_its_seed(config, photos, planned):
    taught = plan_comparison(config, photos, [0, 1], distill=0.5)
    assert [run.name for run in taught if run.model != "shared"] == [
        run.name for run in planned if run.model != "shared"
    ]
    for run in taught[::3]:
        assert [teacher.title for teacher in run.teachers] == [
            f"single-{name}, seed {run.config.seed}" for name in ("shine", "lines")
        ]
        assert run.config.distillation == DistillationConfig(weight=0.5)
    others = [
        plan_comparison(config, photos, [0], distill=1.0),
        plan_comparison(config, photos, [0], "equal-compute", 0.5),
    ]
    assert len({run.name for (run, *_) in (planned, taught, *others)}) == 4  # another weight, or other teachers


def test_single_models_may_have_epochs_of_their_own(config, photos, planned):
    longer = replace(config, trainer=replace(config.trainer, max_epochs=2 * config.trainer.max_epochs))
    shared, *singles = plan_comparison(longer, photos, [0], single_epochs=config.trainer.max_epochs)
    assert shared.image_passes == 2 * planned[0].image_passes
    assert [run.name for run in singles] == [run.name for run in planned[1:3]]


def test_teachers_of_ones_own_count_by_their_content(config, photos, tmp_path):
    def name():
        return Experiment(replace(config, distillation=DistillationConfig([str(path)])), photos).shared().name

    path = tmp_path / "teacher.ckpt"
    path.write_bytes(b"one")
    first = name()
    assert name() == first
    path.write_bytes(b"other")
    assert name() != first


def test_a_run_of_larger_photos_is_more_work(planned):
    small, large = (
        replace(planned[0], config=replace(planned[0].config, model=ModelConfig(input_size=size))) for size in (64, 256)
    )
    assert large.work == 16 * small.work
    assert planned[0].work / planned[1].work == planned[0].image_passes / planned[1].image_passes


def test_with_equal_epochs_a_single_models_epoch_is_its_graded_photos(planned, photos):
    for run, attribute in zip(planned, (None, "shine", "lines"), strict=False):
        assert run.config.data.draws_per_epoch == graded_in_training(photos, attribute)
        assert run.image_passes == 4 * graded_in_training(photos, attribute)


def test_a_single_models_draws_count_fully_and_those_of_a_shared_one_as_its_sampler_weighs_them(planned, photos):
    shared, shine, lines = planned[:3]
    assert shine.effective_draws == {"shine": pytest.approx(graded_in_training(photos, "shine"))}
    assert lines.effective_draws == {"lines": pytest.approx(graded_in_training(photos, "lines"))}
    recipes = head_recipes(shared.config, shared.schema.names)
    weights = Mixture.of(photos.side("train").grades, shared.schema, recipes)
    drawn = weights.draw(100_000, np.random.default_rng(0)).rows
    worth = effective_sample_size(weights.weights[drawn]) / 100_000 * graded_in_training(photos)
    assert [*shared.effective_draws.values()] == pytest.approx(worth.tolist(), rel=0.01)


@pytest.mark.parametrize(("patience", "kept"), [(3, None), (4, 4), (None, None)])
def test_with_equal_compute_nothing_is_stopped_early(config, photos, patience, kept):
    config = replace(config, trainer=replace(config.trainer, max_epochs=4, patience=patience))
    found = {
        protocol: {run.config.trainer.patience for run in plan_comparison(config, photos, [0], protocol)}
        for protocol in ("equal-epochs", "equal-compute")
    }
    assert found == {"equal-epochs": {patience}, "equal-compute": {kept}}


def test_both_protocols_share_the_shared_model_where_nothing_could_stop_it(config, photos):
    config = replace(config, trainer=replace(config.trainer, max_epochs=4, patience=4))
    epochs, compute = (plan_comparison(config, photos, [0], protocol) for protocol in ("equal-epochs", "equal-compute"))
    assert epochs[0].name == compute[0].name
    assert epochs[1].name != compute[1].name


def test_runs_are_named_by_model_and_seed(planned):
    names = names_of(planned)
    assert [*names] == ["shared", "single-shine", "single-lines"]
    assert names["shared"] == {"0": planned[0].name, "1": planned[3].name}


def test_a_long_name_is_cut_at_a_character_and_stays_apart_from_others(config, photos):
    models = [f"가{'나' * 99}{end}" for end in "ab"]
    recipes = [Recipe(), Recipe(loss="focal")]
    one, other = (
        Experiment(replace(config, recipe=recipe), photos).shared(model)
        for model, recipe in zip(models, recipes, strict=True)
    )
    assert one.stem == other.stem == f"가{'나' * 32}"  # of three bytes each
    assert one.name != other.name
    assert one.model == models[0]


def test_runs_with_long_names_can_be_written(config, photos, tmp_path):
    runs = Runs(tmp_path / "study", "test", "study")
    run = Experiment(config, photos).shared("나" * 100)
    with runs.opened():
        assert runs.write_settings(run).is_file()
        runs.folder(run).root.with_name(f"{run.name}.part").mkdir(parents=True)


def test_with_equal_compute_the_single_models_together_see_as_many_photos(config, photos):
    experiment = Experiment(replace(config, data=replace(config.data, draws_per_epoch=7)), photos)
    experiment.graded = np.full((5, 2), True)  # so that half of the draws are three and a half
    singles = [experiment.single(attribute, "equal-compute") for attribute in photos.manifest.schema]
    assert sum(run.image_passes for run in singles) == experiment.shared().image_passes


def test_with_equal_compute_each_photo_graded_for_a_head_is_seen_as_often(config, photos):
    config = replace(config, data=replace(config.data, draws_per_epoch=1000))
    _, *singles = plan_comparison(config, photos, [0], "equal-compute")
    shares = [run.image_passes / graded_in_training(photos, *run.schema.names) for run in singles]
    assert shares[0] == pytest.approx(shares[1], rel=0.1)


def test_given_draws_are_shared_out_too(config, photos):
    config = replace(config, data=replace(config.data, draws_per_epoch=1000))
    shared, shine, _ = plan_comparison(config, photos, [0])
    assert shared.config.data.draws_per_epoch == 1000
    expected = 1000 * graded_in_training(photos, "shine") / graded_in_training(photos)
    assert shine.config.data.draws_per_epoch == round(expected)


@pytest.mark.parametrize(
    ("monitor", "kind", "expected"),
    [
        ("val/mean/rps_balanced", "ordinal", "val/shine/rps_balanced"),
        ("val/lines/kappa", "ordinal", "val/shine/kappa"),
        ("val/loss", "ordinal", "val/loss"),
        ("val/mean/kappa", "nominal", "val/loss"),
        ("val/lines/balanced_accuracy", "ordinal", "val/loss"),
        ("val/lines/balanced_accuracy", "nominal", "val/shine/balanced_accuracy"),
    ],
)
def test_a_single_models_best_checkpoint_is_that_of_the_same_number(config, photos, monitor, kind, expected):
    config = replace(config, trainer=replace(config.trainer, monitor=monitor))
    shine = Attribute("shine", 5, kind)
    assert Experiment(config, photos).single(shine, "equal-epochs").config.trainer.monitor == expected


class TestNames:
    def test_names_differ_between_runs(self, planned):
        assert len({run.name for run in planned}) == len(planned)

    def test_names_stay_when_nothing_relevant_changes(self, planned, config, photos):
        other = replace(config, out="elsewhere", test=False, data=replace(config.data, num_workers=1))
        assert [run.name for run in plan_comparison(other, photos, [0, 1])] == [run.name for run in planned]

    def test_names_stay_when_a_new_option_is_off(self, planned, monkeypatch):
        names = [run.name for run in (replace(run) for run in planned)]
        settings = plan.asdict
        later = {"later": None, "laters": {"switch": False, "steps": [], "path": None}}

        def with_later(of):
            return settings(of) | (later if isinstance(of, FitConfig) else {})

        monkeypatch.setattr(plan, "asdict", with_later)
        assert [replace(run).name for run in planned] == names
        later["later"] = 0
        assert not {replace(run).name for run in planned} & set(names)

    def test_names_change_with_a_setting(self, planned, config, photos):
        other = replace(config, optimizer=replace(config.optimizer, lr=2e-3))
        assert not {run.name for run in plan_comparison(other, photos, [0, 1])} & {run.name for run in planned}

    def test_names_change_with_the_device(self, config, photos, monkeypatch):
        """With the same settings, half precision on a GPU gives other weights than a CPU."""
        anywhere = replace(config, trainer=replace(config.trainer, accelerator="auto"))
        before = {run.name for run in plan_comparison(anywhere, photos, [0])}
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
        assert not before & {run.name for run in plan_comparison(anywhere, photos, [0])}

    def test_names_change_with_loss_weighting_if_there_are_several_heads(self, planned, config, photos):
        other = plan_comparison(replace(config, weighting="random"), photos, [0, 1])
        assert [run.model for run, as_before in zip(other, planned, strict=True) if run.name != as_before.name] == [
            "shared",
            "shared",
        ]

    def test_names_change_with_the_recipe_of_a_head_they_train(self, planned, config, photos):
        other = replace(config, heads=config.heads | {"lines": {"resample": "natural"}})
        same = [a.name == b.name for a, b in zip(planned, plan_comparison(other, photos, [0, 1]), strict=True)]
        assert same == [False, True, False] * 2

    def test_names_stay_when_grades_have_other_titles(self, planned, config, photos):
        attributes = tuple(
            replace(each, display={"en": "Other"}, highest={"en": "most"}) for each in photos.manifest.schema
        )
        told = replace(photos, manifest=replace(photos.manifest, schema=Schema(attributes)))
        assert [run.name for run in plan_comparison(config, told, [0, 1])] == [run.name for run in planned]

    def test_names_stay_when_an_option_overridden_by_every_head_changes(self, planned, config, photos):
        said = {
            "shine": config.heads["shine"] | {"decision": "median"},
            "lines": config.heads["lines"] | {"decision": "argmax"},
        }
        one, other = (
            replace(config, heads=said, recipe=replace(config.recipe, decision=each)) for each in ("credit", "argmax")
        )
        names = [[run.name for run in plan_comparison(each, photos, [0])] for each in (one, other)]
        assert names[0] == names[1] != [run.name for run in planned[:3]]

    def test_names_change_with_the_users_own_weights(self, config, photos, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        config = replace(config, model=replace(config.model, weights="~/own.pth"))
        names = []
        for content in (b"one", b"two"):
            (tmp_path / "own.pth").write_bytes(content)
            names.append({run.name for run in plan_comparison(config, photos, [0])})
        assert not names[0] & names[1]

    def test_names_change_with_the_users_own_detector(self, config, photos, tmp_path):
        config = replace(config, data=replace(config.data, skin=SkinConfig(True, detector=str(tmp_path / "own.onnx"))))
        names = []
        for content in (b"one", b"two"):
            (tmp_path / "own.onnx").write_bytes(content)
            names.append({run.name for run in plan_comparison(config, photos, [0])})
        assert not names[0] & names[1]

    def test_names_change_with_the_content_of_a_photo(self, config, photos, schema, graded_folder, tmp_path):
        root = shutil.copytree(graded_folder, tmp_path / "photos")
        moved = replace(config, data=replace(config.data, root=str(root)))
        before = [run.name for run in plan_comparison(moved, load_photos(moved.data, schema), [0])]
        assert before == [run.name for run in plan_comparison(config, photos, [0])]
        photo = next(root.glob("images/*"))
        photo.write_bytes(photo.read_bytes()[:-1] + b"x")  # of the same length
        after = [run.name for run in plan_comparison(moved, load_photos(moved.data, schema), [0])]
        assert before[0] != after[0]


@pytest.mark.parametrize(("seeds", "words"), [([], "none given"), ([3, 1, 3], "3 is given twice")])
def test_seeds_are_different_ones(seeds, words):
    with pytest.raises(UserError, match=words):
        check_seeds(seeds)


def test_a_split_without_a_grade_is_an_error_before_training(photos):
    require_measurable(photos, ["train"])
    test = photos.split == "test"
    grades = photos.manifest.grades.copy()
    grades[test, photos.manifest.schema.index("lines")] = MISSING
    with pytest.raises(UserError, match="no test photo is graded for lines"):
        require_measurable(replace(photos, manifest=replace(photos.manifest, grades=grades)), ["train", "test"])


def test_an_attribute_measured_on_one_subject_gives_a_notice_before_training(photos):
    assert interval_notice(photos, "train") == ""
    manifest, lines = photos.manifest, photos.manifest.schema.index("lines")
    anyone = manifest.subject[photos.split == "train"][0]
    grades = manifest.grades.copy()
    grades[manifest.subject != anyone, lines] = MISSING
    lonely = replace(photos, manifest=replace(manifest, grades=grades))
    assert "lines: all graded train photos are of one subject" in interval_notice(lonely, "train")
    assert "shine" not in interval_notice(lonely, "train")


def test_one_attribute_has_nothing_to_be_compared_with(config, photos):
    one = replace(photos, manifest=replace(photos.manifest, schema=Schema((Attribute("shine", 5),))))
    with pytest.raises(UserError, match="shine is the only attribute"):
        plan_comparison(config, one, [0])


def test_seeds_go_to_every_model(config, photos):
    runs = with_seeds([Experiment(config, photos).shared("a"), Experiment(config, photos).shared("b")], [7, 8])
    assert [run.title for run in runs] == ["a, seed 7", "b, seed 7", "a, seed 8", "b, seed 8"]

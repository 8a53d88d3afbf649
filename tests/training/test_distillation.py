"""Learning from trained models: the loss against sums written out, and runs with teachers."""

import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from multiskin.config import DataConfig, DistillationConfig, FitConfig, ModelConfig, Recipe, SkinConfig, TrainerConfig
from multiskin.data.preprocessing import Preprocessing
from multiskin.errors import UserError
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import write_checkpoint
from multiskin.schema import Attribute, Schema
from multiskin.training.distillation import Distillation, Teacher, convert, load_teachers
from multiskin.training.fit import fit

SHINE, LINES = Attribute("shine", 5), Attribute("lines", 3)
PREPROCESSING = Preprocessing(32, (0.5,) * 3, (0.5,) * 3)
MODEL = ModelConfig("test_efficientnet", "none", 32)


def blueprint_of(*attributes, **recipe):
    counts = tuple((1,) * attribute.grades for attribute in attributes)
    return Blueprint(Schema(attributes), MODEL, (Recipe(**recipe),) * len(attributes), counts)


def network(*attributes, seed=0, **recipe):
    torch.manual_seed(seed)
    net = blueprint_of(*attributes, **recipe).build().eval()
    for head in net.heads:
        torch.nn.init.normal_(head.linear.bias)  # far from equal probabilities
    return net


def images(rows=3):
    return torch.randn(rows, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def probabilities_of(net, name, photos):
    with torch.no_grad():
        return dict(net.named_heads())[name].probabilities(net(photos).logits[name]).tolist()


@pytest.mark.parametrize("loss", ["cross_entropy", "coral", "corn"])
def test_the_loss_is_the_mean_divergence_from_the_mean_of_the_teachers(loss):
    net, photos = network(SHINE, LINES, loss=loss), images()
    teachers = [network(SHINE, loss=loss, seed=1), network(SHINE, loss=loss, seed=2)]
    distillation = Distillation([Teacher(each, PREPROCESSING) for each in teachers], PREPROCESSING, weight=0.3)
    found = distillation.losses(net, photos, net(photos).logits)
    own, *taught = (probabilities_of(each, "shine", photos) for each in (net, *teachers))
    expected = 0.0
    for row in range(3):
        for grade in range(5):
            p = (taught[0][row][grade] + taught[1][row][grade]) / 2
            expected += 0.3 * p * math.log(p / own[row][grade]) / 3
    assert found.tolist() == pytest.approx([expected, 0.0], rel=1e-4)


def test_it_is_least_where_a_head_agrees_with_its_teacher():
    net, photos = network(SHINE), images()
    distillation = Distillation([Teacher(net, PREPROCESSING)], PREPROCESSING, weight=1.0)
    assert distillation.losses(net, photos, net(photos).logits).item() == pytest.approx(0.0, abs=1e-5)


def test_only_the_network_that_learns_gets_a_gradient():
    net, teacher, photos = network(LINES), network(LINES, seed=1), images()
    distillation = Distillation([Teacher(teacher, PREPROCESSING)], PREPROCESSING, 1.0)
    distillation.losses(net, photos, net(photos).logits).sum().backward()
    assert any((weight.grad != 0).any() for weight in net.parameters())
    assert all(weight.grad is None for weight in teacher.parameters())


def test_a_teacher_sees_photos_as_it_was_trained_on_them():
    photos = torch.rand(2, 3, 32, 32)
    other = Preprocessing(48, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    prepared = (photos - 0.5) / 0.5
    assert convert(prepared, PREPROCESSING, PREPROCESSING) is prepared
    same_size = convert(prepared, PREPROCESSING, replace(other, input_size=32))
    mean, std = (torch.tensor(each)[:, None, None] for each in (other.mean, other.std))
    torch.testing.assert_close(same_size, (photos - mean) / std)
    flat = convert(torch.ones(2, 3, 32, 32), PREPROCESSING, other)
    assert flat.shape == (2, 3, 48, 48)
    torch.testing.assert_close(flat[0, :, 5, 7], torch.tensor([0.6 / 0.2, 0.5 / 0.3, 0.4 / 0.4]))


class TestLoad:
    @pytest.fixture
    def teacher(self, tmp_path):
        """The path of a checkpoint of a model of lines."""
        state = {f"net.{name}": weight for name, weight in network(LINES, loss="sord").state_dict().items()}
        content = {"blueprint": blueprint_of(LINES, loss="sord").to_dict(), "state_dict": state}
        write_checkpoint(content | {"preprocessing": PREPROCESSING.to_dict()}, tmp_path / "lines.ckpt")
        return str(tmp_path / "lines.ckpt")

    def test_a_teacher_gives_the_probabilities_that_it_was_saved_with(self, teacher):
        (loaded,) = load_teachers([teacher], [SHINE, LINES], [Recipe(), Recipe(loss="sord")], PREPROCESSING)
        found = loaded.probabilities(images(), PREPROCESSING)["lines"]
        torch.testing.assert_close(
            found, torch.tensor(probabilities_of(network(LINES, loss="sord"), "lines", images()))
        )

    @pytest.mark.parametrize(
        ("attribute", "recipe", "message"),
        [
            (SHINE, Recipe(loss="sord"), "lines.ckpt: grades none of shine; give a model that does"),
            (Attribute("lines", 4), Recipe(loss="sord"), "lines.ckpt: has other grades of lines"),
            (LINES, Recipe(), "with loss sord, and heads.lines.loss is cross_entropy; use the same"),
            (LINES, Recipe(loss="sord", resample="balanced"), "with resample natural, and heads.lines.resample is bal"),
            (LINES, Recipe(loss="sord", loss_options={"sharpness": 2.0}), r"loss_options {}, and .* is {'sharpness'"),
        ],
    )
    def test_a_model_that_cannot_teach_is_refused(self, attribute, recipe, message, teacher):
        with pytest.raises(UserError, match=f"^distillation.teachers: .*{message}"):
            load_teachers([teacher], [attribute], [recipe], PREPROCESSING)

    def test_photos_are_cropped_as_the_teachers_were(self, teacher):
        cropped = replace(PREPROCESSING, skin=SkinConfig(crop=True))
        with pytest.raises(UserError, match=r"other options data.skin; give the same"):
            load_teachers([teacher], [LINES], [Recipe(loss="sord")], cropped)

    def test_a_missing_or_damaged_one_is_named(self, teacher, tmp_path):
        with pytest.raises(UserError, match=r"^distillation.teachers: none given; give runs"):
            load_teachers([], [LINES], [Recipe()], PREPROCESSING)
        with pytest.raises(UserError, match=r"none.ckpt: .*give runs, or their checkpoints"):
            load_teachers([str(tmp_path / "none.ckpt")], [LINES], [Recipe()], PREPROCESSING)
        content = torch.load(teacher, weights_only=True)
        write_checkpoint(content | {"state_dict": {}}, tmp_path / "damaged.ckpt")
        with pytest.raises(UserError, match=r"damaged.ckpt: damaged, or of another version"):
            load_teachers([str(tmp_path / "damaged.ckpt")], [LINES], [Recipe(loss="sord")], PREPROCESSING)


class TestRuns:
    @pytest.fixture
    def config(self, tmp_path):
        return FitConfig(
            out=str(tmp_path / "run"),
            data=DataConfig(batch_size=4, num_workers=0),
            model=MODEL,
            trainer=TrainerConfig(max_epochs=1, progress=False, accelerator="cpu", every_n_train_steps=1),
        )

    def test_a_teacher_changes_what_is_learned_and_not_what_is_saved(self, config, photos, tmp_path):
        teacher = fit(replace(config, out=str(tmp_path / "teacher")), photos)
        runs = [teacher]
        for weight in (0.0, 5.0):
            taught = replace(config, distillation=DistillationConfig([str(teacher.root)], weight))
            runs.append(fit(replace(taught, out=str(tmp_path / str(weight))), photos))
        first, ignored, taught = (torch.load(run.best, weights_only=True)["state_dict"] for run in runs)
        assert first.keys() == ignored.keys() == taught.keys()
        assert all(torch.equal(ignored[key], first[key]) for key in first)
        assert any(not torch.equal(taught[key], first[key]) for key in first)

    def test_half_precision_learns_about_the_same(self, config, photos, tmp_path):
        teacher = fit(replace(config, out=str(tmp_path / "teacher")), photos)
        taught = replace(config, distillation=DistillationConfig([str(teacher.root)], 5.0))
        losses = []
        for precision in ("32-true", "bf16-mixed"):
            trainer = replace(config.trainer, precision=precision)
            run = fit(replace(taught, out=str(tmp_path / precision), trainer=trainer), photos)
            losses.append(pd.read_csv(run.curves)["train/loss"].dropna().item())
        assert losses[1] == pytest.approx(losses[0], rel=0.02)
        assert losses[1] != losses[0]

from types import SimpleNamespace

import pytest
import torch

from multiskin.config import ModelConfig, OptimizerConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.schema import MISSING, Attribute, Schema
from multiskin.training.module import SkinModule

SCHEMA = Schema((Attribute("first", 5), Attribute("second", 3)))
PREPROCESSING = Preprocessing(32, (0.5,) * 3, (0.5,) * 3)


@pytest.fixture
def module():
    torch.manual_seed(0)
    recipes = (Recipe(dropout=0.0), Recipe(dropout=0.0, loss_weight=3.0))
    counts = ((1,) * 5, (1,) * 3)
    blueprint = Blueprint(SCHEMA, ModelConfig("test_efficientnet", "none", 32), recipes, counts)
    return SkinModule(blueprint.build(), blueprint, PREPROCESSING, OptimizerConfig())


def batch(rows=4):
    generator = torch.Generator().manual_seed(1)
    return {
        "image": torch.randn(rows, 3, 32, 32, generator=generator),
        "grades": torch.tensor([[0, 1], [4, MISSING], [MISSING, 2], [MISSING, MISSING]])[:rows],
        "weight": torch.tensor([[1.0, 2.0], [0.5, 0.0], [0.0, 1.0], [0.0, 0.0]])[:rows],
        "row": torch.arange(rows),
    }


class TestStep:
    def test_the_loss_is_the_weighted_mean_of_the_heads(self, module, monkeypatch):
        monkeypatch.setattr(module, "log", lambda *args, **kwargs: None)
        data = batch()
        module.eval()
        loss = module.training_step(data)
        logits = module.net(data["image"]).logits
        # by hand: cross entropy of each graded row times its weight, over all four rows
        first = logits["first"].log_softmax(1)
        second = logits["second"].log_softmax(1)
        of_first = -(1.0 * first[0, 0] + 0.5 * first[1, 4]) / 4
        of_second = -(2.0 * second[0, 1] + 1.0 * second[2, 2]) / 4
        assert loss.item() == pytest.approx(((of_first * 1 + of_second * 3) / 4).item(), rel=1e-5)

    def test_a_head_without_a_grade_in_the_batch_gets_exactly_no_gradient(self, module, monkeypatch):
        monkeypatch.setattr(module, "log", lambda *args, **kwargs: None)
        data = batch()
        data["grades"][:, 1] = MISSING
        module.training_step(data).backward()
        (_, first), (_, second) = module.net.named_heads()
        assert all((p.grad == 0).all() for p in second.parameters())
        assert any((p.grad != 0).any() for p in first.parameters())
        assert all(torch.isfinite(p.grad).all() for p in module.net.parameters())

    def test_rows_without_any_grade_change_only_the_divisor(self, module, monkeypatch):
        monkeypatch.setattr(module, "log", lambda *args, **kwargs: None)
        module.eval()
        three, four = (module.training_step(batch(rows)) for rows in (3, 4))
        assert four.item() * 4 == pytest.approx(three.item() * 3, rel=1e-5)


class TestOptimizer:
    @pytest.mark.parametrize("name", ["adamw", "sgd"])
    def test_a_frozen_backbone_stands_still_while_the_heads_learn(self, module, name):
        module.optimizer_config = OptimizerConfig(name=name, frozen_epochs=0.5, warmup_epochs=0.0)
        module.trainer = SimpleNamespace(
            estimated_stepping_batches=12, max_epochs=2, precision="32-true", gradient_clip_val=None
        )
        made = module.configure_optimizers()
        moved = []
        for _ in range(6):
            before = {key: weight.detach().clone() for key, weight in module.net.named_parameters()}
            made["optimizer"].zero_grad()
            module._losses(batch()).sum().backward()
            made["optimizer"].step()
            made["lr_scheduler"]["scheduler"].step()
            changed = {key for key, weight in module.net.named_parameters() if not torch.equal(weight, before[key])}
            moved.append(tuple(any(key.startswith(part) for key in changed) for part in ("backbone", "heads")))
        assert moved == [(False, True)] * 3 + [(True, True)] * 3


def test_a_checkpoint_tells_how_to_build_the_network_again(module):
    checkpoint = {}
    module.on_save_checkpoint(checkpoint)
    again = Blueprint.from_dict(checkpoint["blueprint"])
    assert again == module.blueprint
    assert Preprocessing.from_dict(checkpoint["preprocessing"]) == PREPROCESSING

"""Photographs in, grades out: everything that scores a picture goes through here. Needs no Lightning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from multiskin.calibration import Calibrator
from multiskin.conformal.prediction import NO_GROUPS, ConformalSets, Groups
from multiskin.data.transforms import PhotoTransform, Preprocessing, evaluation_transform
from multiskin.data.workers import one_thread, worker_count
from multiskin.decisions import Rule, decide_heads
from multiskin.errors import UserError
from multiskin.inference.loading import LoadedFile, PhotoFiles
from multiskin.inference.model_card import model_card
from multiskin.inference.views import apply_view
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import REMEDY, read_checkpoint
from multiskin.models.pretrained import find_pretrained, write_pretrained
from multiskin.models.skinnet import SkinNet
from multiskin.portable.card import checked_sets, finite
from multiskin.portable.results import PhotoResult, Prediction, rows_of
from multiskin.portable.views import ALONE, View, views_of
from multiskin.rules import CREDIT, Credit, checked_credits, require_decision
from multiskin.schema import Schema

NETWORK = "net."  # what the training module calls the network in a checkpoint
CALIBRATION = "calibration"  # what a checkpoint calls the calibrators, by head
CONFORMAL = "conformal"  # the sets of grades and what they promise
DECISIONS = "decisions"  # the decisions that have replaced the recipes', by head
CREDITS = "credit"  # what they earn in place of what the recipes say, by head


@dataclass(frozen=True)
class Predictor:
    """A trained network with its way of preparing photographs.

    Args:
        net: in evaluation mode, on the device.
        preprocessing: how a photo becomes its input.
        device: where it runs.
        parts: the parts of the face or body on which each attribute was graded in training; empty where nobody said.
        calibrators: by name, for the heads whose probabilities are calibrated.
        decisions: by name, for the heads that decide differently from their recipe.
        credit: what decisions earn, by name, for the heads where it differs from their recipe.
        conformal: gives each grade a set around it that holds the true one as often as promised, if anything does.
        blueprint: what the network is made of, where it was loaded.
        views: the views of each photo that its probabilities are averaged over.
    """

    net: SkinNet
    preprocessing: Preprocessing
    device: torch.device
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibrators: Mapping[str, Calibrator] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    credit: Mapping[str, Credit] = field(default_factory=dict)
    conformal: ConformalSets | None = None
    blueprint: Blueprint | None = None
    views: tuple[View, ...] = ALONE

    @property
    def schema(self) -> Schema:
        return self.net.schema

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: str = "auto", detector: str | None = None) -> "Predictor":
        """Loads any checkpoint of a run, or a folder for the hub; with the averaged weights if there are any.

        Args:
            path: the file or folder.
            device: its name; auto takes CUDA where there is one.
            detector: where the file that finds faces is now, if the model was trained with one.

        Raises:
            UserError: no such file, no checkpoint of multiskin, or no such device.
        """
        place = find_device(device)
        content = read_checkpoint(Path(path))
        try:
            blueprint = Blueprint.from_dict(content["blueprint"])
            net = _build_net(blueprint, content["state_dict"])
            preprocessing = Preprocessing.from_dict(content["preprocessing"])
            fitted = content.get(CALIBRATION, {})  # absent from most checkpoints
            calibrators = {name: Calibrator.from_dict(entry) for name, entry in fitted.items()}
            decisions = dict(content.get(DECISIONS, {}))
            credit = checked_credits(content.get(CREDITS, {}), blueprint.schema, CREDITS)
            promised = content.get(CONFORMAL)
            conformal = None if promised is None else checked_sets(promised, blueprint.schema)
            _require_fit(calibrators, decisions, blueprint.schema)
        except (UserError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"checkpoint {path}: damaged, or of another version ({reason}); {REMEDY}") from error
        if detector is not None:
            preprocessing = replace(preprocessing, skin=replace(preprocessing.skin, detector=detector))
        net = net.eval().to(place)
        return cls(net, preprocessing, place, blueprint.parts, calibrators, decisions, credit, conformal, blueprint)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, device: str = "auto", detector: str | None = None, *, offline: bool = False
    ) -> "Predictor":
        """Loads a folder that save_pretrained wrote, or a repository of the Hugging Face hub with its files.

        Args:
            name: the folder, or OWNER/NAME on the hub.
            device: as in from_checkpoint.
            detector: likewise.
            offline: never access the network; what was fetched before is still used.

        Raises:
            UserError: as from_checkpoint, or there is neither, or the hub cannot be reached.
        """
        return cls.from_checkpoint(find_pretrained(str(name), offline=offline), device, detector)

    def save_pretrained(self, folder: str | Path, metrics: Mapping[str, Any] | None = None) -> None:
        """Writes the model as it is now as a folder for the hub: model.safetensors, config.json and a model card.

        Args:
            folder: where to.
            metrics: a run's results, from its metrics.json, for the model card.

        Raises:
            ValueError: the network was not loaded from a file, or has other heads now.
            OSError: no space, or no permission to write.
        """
        blueprint = self.blueprint
        if blueprint is None or blueprint.schema != self.schema:
            raise ValueError("only a network as it was loaded can be saved: its heads are not those of its blueprint")
        config = {
            "blueprint": blueprint.to_dict(),
            "preprocessing": self.preprocessing.for_others().to_dict(),
            CALIBRATION: {name: calibrator.to_dict() for name, calibrator in self.calibrators.items()},
            DECISIONS: dict(self.decisions),
            CREDITS: dict(self.credit),
        }
        if self.conformal is not None:
            config[CONFORMAL] = finite(self.conformal).to_dict()
        state = {NETWORK + name: tensor for name, tensor in self.net.state_dict().items()}
        write_pretrained(Path(folder), config, state, model_card(blueprint, metrics or {}, self.conformal))

    def with_decisions(self, decisions: Mapping[str, str]) -> "Predictor":
        """The same model with other decisions for these heads, by name.

        Raises:
            UserError: an unknown head or decision, or one that does not fit the head.
        """
        for name, decision in decisions.items():
            require_decision(decision, self.schema[name])
        return replace(self, decisions={**self.decisions, **decisions})

    def with_credit(self, credit: Mapping[str, Credit], where: str = CREDIT) -> "Predictor":
        """The same model, with the heads of these names deciding for what earns most by these matrices (K, K).

        Args:
            credit: true grades in rows, decisions in columns.
            where: the option or file that says it, for messages.

        Raises:
            UserError: an unknown head, one without ordered grades, or a matrix of other grades.
        """
        checked = checked_credits(credit, self.schema, where)
        deciding = self.with_decisions(dict.fromkeys(checked, CREDIT))
        return replace(deciding, credit={**self.credit, **checked})

    def uncalibrated(self) -> "Predictor":
        """The same model with the probabilities that it was trained to give, and without sets of grades."""
        return replace(self, calibrators={}, conformal=None)

    def for_group(self, value: str) -> "Predictor":
        """The same model for photos that all have this value of the group that its sets are promised for.

        Raises:
            UserError: the sets are for no group, or not for this value.
        """
        return replace(self, conformal=self.conformal and self.conformal.for_group(value))

    def with_views(self, views: str) -> "Predictor":
        """The same model, which scores a photo as the mean over these views of it, by their name in VIEWS.

        Calibrators and priors are kept, although they were found on single views; sets of grades are not.

        Raises:
            UserError: an unknown name.
        """
        return replace(self, views=views_of(views), conformal=None)

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Prediction:
        """Grades prepared images (B, 3, S, S)."""
        return self.judge(self.calibrate(self.probabilities(images)))

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """The network's own probabilities (B, H, Kmax) of prepared images (B, 3, S, S), the mean over all views."""
        images = images.to(self.device, non_blocking=True)
        by_view = [self.net.probabilities(self.net(apply_view(images, view)).logits) for view in self.views]
        return torch.stack(by_view).mean(dim=0)

    @torch.inference_mode()
    def predict_logits(self, logits: Mapping[str, Tensor]) -> Prediction:
        """The prediction from the logits (B, *) of all heads, of a finished forward pass."""
        return self.judge(self.calibrate(self.net.probabilities(dict(logits))))

    @torch.inference_mode()
    def calibrate(self, probabilities: Tensor) -> Tensor:
        """The network's own probabilities (B, H, Kmax), calibrated where the head has a calibrator."""
        calibrated = probabilities.clone()
        for h, attribute in enumerate(self.schema):
            if attribute.name in self.calibrators:
                own = np.s_[:, h, : attribute.grades]
                calibrated[own] = self.calibrators[attribute.name](probabilities[own])
        return calibrated

    @torch.inference_mode()
    def judge(self, probabilities: Tensor) -> Prediction:
        """The prediction from calibrated probabilities (B, H, Kmax), whatever photos they come from."""
        grades = decide_heads(probabilities, self.rules())
        columns = [
            head.score(probabilities[:, h, : attribute.grades])
            if attribute.ordinal
            else torch.full_like(grades[:, h], torch.nan, dtype=probabilities.dtype)
            for h, (attribute, (_, head)) in enumerate(zip(self.schema, self.net.named_heads(), strict=True))
        ]
        scores = torch.stack(columns, dim=1)  # (B, H)
        return Prediction(grades.cpu().numpy(), scores.cpu().numpy(), probabilities.cpu().numpy())

    def sets(self, prediction: Prediction, groups: Groups = NO_GROUPS) -> np.ndarray | None:
        """Sets of grades (B, H, Kmax) that hold the true ones as often as promised; None where nothing was.

        Args:
            prediction: for single photos; nothing is promised for several photos together.
            groups: (B,) by name, for the groups that the promise is kept for; unknown values get the widest sets.
        """
        if self.conformal is None:
            return None
        return self.conformal.sets_with(prediction.grades, prediction.probabilities, groups)

    def rules(self) -> list[Rule]:
        """How each head decides: by its recipe or as asked for, and by what its probabilities average to now."""
        return [self._rule(name, rule) for name, rule in zip(self.schema.names, self.net.rules(), strict=True)]

    def _rule(self, name: str, trained: Rule) -> Rule:
        calibrator, credit = self.calibrators.get(name), self.credit.get(name)
        return Rule(
            self.decisions.get(name, trained.decision),
            trained.prior if calibrator is None else trained.prior.new_tensor(calibrator.prior),
            trained.credit if credit is None else trained.credit.new_tensor(credit),
        )

    def transform(self) -> PhotoTransform:
        return evaluation_transform(self.preprocessing)

    def predict_photo(self, photo: np.ndarray) -> Prediction:
        """Grades one photo (h, w, 3) uint8 RGB."""
        return self.predict(self.transform()(photo, seed=0).unsqueeze(0))

    def predict_files(
        self, paths: Sequence[str | Path], batch_size: int = 32, num_workers: int | None = 0
    ) -> Iterator[PhotoResult]:
        """Grades files in order; a bad file gives a result with its error and does not affect the others."""
        photos = PhotoFiles(paths, self.transform())
        workers = worker_count(num_workers)
        loader = DataLoader(photos, batch_size, num_workers=workers, collate_fn=list, worker_init_fn=one_thread)
        for items in loader:
            yield from self._predict_items(items)

    def _predict_items(self, items: Sequence[LoadedFile]) -> Iterator[PhotoResult]:
        images = [item.image for item in items if item.image is not None]
        predictions = iter(rows_of(self.predict(torch.stack(images)))) if images else iter(())
        for item in items:
            if item.image is None:
                yield PhotoResult(item.path, None, item.error)
            else:
                prediction = next(predictions)  # B = 1
                yield PhotoResult(item.path, prediction, sets=self.sets(prediction))


def find_device(name: str) -> torch.device:
    """The device of that name; auto is CUDA where there is one.

    Raises:
        UserError: a device that torch does not know or see.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name!r}: not available here; give auto, cpu or cuda") from error


def _require_fit(calibrators: Mapping[str, Calibrator], decisions: Mapping[str, str], schema: Schema) -> None:
    """Makes sure that calibrators and decisions fit the heads, whoever wrote them.

    Raises:
        UserError: an unknown head, or a decision that does not fit it.
        TypeError, ValueError: a calibration for other grades, or one that is not of numbers.
    """
    for name, decision in decisions.items():
        require_decision(decision, schema[name])
    for name, calibrator in calibrators.items():
        numbers = torch.tensor([calibrator.weight, calibrator.bias, calibrator.prior])
        if numbers.shape != (3, schema[name].grades):
            raise ValueError(f"the calibration of {name} does not fit its grades")


def _build_net(blueprint: Blueprint, state: Mapping[str, Tensor]) -> SkinNet:
    net = blueprint.build()
    net.load_state_dict({key.removeprefix(NETWORK): state[key] for key in state if key.startswith(NETWORK)})
    return net

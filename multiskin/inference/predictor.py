"""The predictor, which grades photos with a trained network; needs no Lightning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from multiskin.calibration import Calibrator, calibrate_heads
from multiskin.conformal.prediction import NO_GROUPS, ConformalSets, Groups
from multiskin.data.transforms import PhotoTransform, Preprocessing, evaluation_transform
from multiskin.data.workers import one_thread, worker_count
from multiskin.decisions import Rule, decide_heads
from multiskin.errors import UserError
from multiskin.inference.loading import LoadedFile, PhotoFiles
from multiskin.inference.model_card import model_card
from multiskin.inference.views import apply_view
from multiskin.models.blueprint import NETWORK, Blueprint
from multiskin.models.checkpoint import intact, read_checkpoint
from multiskin.models.pretrained import find_pretrained, write_pretrained
from multiskin.models.skinnet import SkinNet
from multiskin.portable.card import checked_sets, finite
from multiskin.portable.results import PhotoResult, Prediction, rows_of
from multiskin.portable.views import ALONE, View, views_of
from multiskin.rules import CREDIT, Credit, checked_credits, require_decision
from multiskin.schema import Schema

# Other keys of a checkpoint
CALIBRATION = "calibration"  # calibrators, by head
CONFORMAL = "conformal"  # the sets of grades
DECISIONS = "decisions"  # decisions that replace the recipes', by head
CREDITS = "credit"  # credit matrices that replace the recipes', by head


@dataclass(frozen=True)
class Predictor:
    """A trained network with its preprocessing, calibration and decisions.

    Args:
        net: the network, in evaluation mode, on the device.
        preprocessing: how a photo becomes the network's input.
        device: where the network runs.
        parts: the parts of the face or body on which each attribute was graded in training; empty if unknown.
        calibrators: by name, for the heads whose probabilities are calibrated.
        decisions: by name, for the heads that decide differently from their recipe.
        credit: credit matrices by name, for the heads where they differ from the recipe.
        conformal: the sets of grades that contain the true ones with a given coverage, if they were fitted.
        blueprint: what the network was built from, if it was loaded.
        views: the views of each photo to average the probabilities over.
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
        """Loads any checkpoint of a run, or a folder for the hub; with averaged weights if there are any.

        Args:
            path: the file or folder.
            device: the device's name; auto is CUDA if available.
            detector: the face detector's file, if the model was trained with one and it has moved.

        Raises:
            UserError: no such file, not a checkpoint of multiskin, or no such device.
        """
        place = find_device(device)
        content = read_checkpoint(Path(path))
        with intact(path):
            blueprint = Blueprint.from_dict(content["blueprint"])
            net = blueprint.restore(content["state_dict"])
            preprocessing = Preprocessing.from_dict(content["preprocessing"])
            fitted = content.get(CALIBRATION, {})  # absent from most checkpoints
            calibrators = {name: Calibrator.from_dict(entry) for name, entry in fitted.items()}
            decisions = dict(content.get(DECISIONS, {}))
            credit = checked_credits(content.get(CREDITS, {}), blueprint.schema, CREDITS)
            promised = content.get(CONFORMAL)
            conformal = None if promised is None else checked_sets(promised, blueprint.schema)
            _require_fit(calibrators, decisions, blueprint.schema)
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
            offline: never access the network; files downloaded before are still used.

        Raises:
            UserError: as from_checkpoint, or no such folder or repository, or the hub cannot be reached.
        """
        return cls.from_checkpoint(find_pretrained(str(name), offline=offline), device, detector)

    def save_pretrained(self, folder: str | Path, metrics: Mapping[str, Any] | None = None) -> None:
        """Saves the model as a folder for the hub: model.safetensors, config.json and a model card.

        Args:
            folder: the folder to write to.
            metrics: a run's results, from its metrics.json, for the model card.

        Raises:
            ValueError: the network was not loaded from a file, or its heads have changed since.
            OSError: no space, or no permission to write.
        """
        blueprint = self.blueprint
        if blueprint is None or blueprint.schema != self.schema:
            raise ValueError("only a network as it was loaded can be saved; this one does not match a blueprint")
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
        """The same model with other decisions for some heads, by name.

        Raises:
            UserError: an unknown head or decision, or a decision that does not suit the head.
        """
        for name, decision in decisions.items():
            require_decision(decision, self.schema[name])
        return replace(self, decisions={**self.decisions, **decisions})

    def with_credit(self, credit: Mapping[str, Credit], where: str = CREDIT) -> "Predictor":
        """The same model with heads that decide by the highest expected credit.

        Args:
            credit: matrices (K, K) by name of these heads, true grades in rows, decisions in columns.
            where: the option or file of the matrices, for messages.

        Raises:
            UserError: an unknown head, a head with nominal grades, or a matrix of the wrong size.
        """
        checked = checked_credits(credit, self.schema, where)
        deciding = self.with_decisions(dict.fromkeys(checked, CREDIT))
        return replace(deciding, credit={**self.credit, **checked})

    def uncalibrated(self) -> "Predictor":
        """The same model without calibration and sets of grades."""
        return replace(self, calibrators={}, conformal=None)

    def for_group(self, value: str) -> "Predictor":
        """The same model for photos of one group, with the sets of grades that were fitted for this group.

        Raises:
            UserError: the sets were not fitted by group, or not for this one.
        """
        return replace(self, conformal=self.conformal and self.conformal.for_group(value))

    def with_views(self, views: str) -> "Predictor":
        """The same model with probabilities averaged over views of each photo, given by their name in VIEWS.

        Calibrators and priors are kept, although they were fitted on single views; sets of grades are not.

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
        """The uncalibrated probabilities (B, H, Kmax) of prepared images (B, 3, S, S), averaged over all views."""
        images = images.to(self.device, non_blocking=True)
        by_view = [self.net.probabilities(self.net(apply_view(images, view)).logits) for view in self.views]
        return torch.stack(by_view).mean(dim=0)

    @torch.inference_mode()
    def predict_logits(self, logits: Mapping[str, Tensor]) -> Prediction:
        """The prediction from the logits (B, *) of all heads."""
        return self.judge(self.calibrate(self.net.probabilities(dict(logits))))

    @torch.inference_mode()
    def calibrate(self, probabilities: Tensor) -> Tensor:
        """Calibrates the network's probabilities (B, H, Kmax) for the heads that have a calibrator."""
        return calibrate_heads(probabilities, [self.calibrators.get(name) for name in self.schema.names])

    @torch.inference_mode()
    def judge(self, probabilities: Tensor) -> Prediction:
        """The prediction from calibrated probabilities (B, H, Kmax) of photos or persons."""
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
        """Sets of grades (B, H, Kmax) that contain the true ones with the fitted coverage; None if none were fitted.

        Args:
            prediction: for single photos; the coverage does not apply to several photos together.
            groups: (B,) by name, for sets fitted by group; unknown values get the widest sets.
        """
        if self.conformal is None:
            return None
        return self.conformal.sets_with(prediction.grades, prediction.probabilities, groups)

    def rules(self) -> list[Rule]:
        """How each head decides: its own or its recipe's decision and credit, and the prior after calibration."""
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
    """The device of that name; auto is CUDA if available.

    Raises:
        UserError: the device is unknown or not available.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name!r}: not available here; give auto, cpu or cuda") from error


def _require_fit(calibrators: Mapping[str, Calibrator], decisions: Mapping[str, str], schema: Schema) -> None:
    """Makes sure that a checkpoint's calibrators and decisions match the heads.

    Raises:
        UserError: an unknown head, or a decision that does not suit it.
        TypeError, ValueError: a calibration with another number of grades, or with values that are not numbers.
    """
    for name, decision in decisions.items():
        require_decision(decision, schema[name])
    for name, calibrator in calibrators.items():
        numbers = torch.tensor([calibrator.weight, calibrator.bias, calibrator.prior])
        if numbers.shape != (3, schema[name].grades):
            raise ValueError(f"the calibration of {name} does not match its grades")

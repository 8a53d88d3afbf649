"""Compares configs/ham10000.yaml, trained with several seeds, with a plain training loop in timm and PyTorch.

    python benchmarks/ham10000.py --root data/ham10000_small --seeds 0 1 2

Both use the same network, initial weights, split, augmentation, epochs, batch size and optimizer, and keep the epoch
with the lowest validation loss. The plain loop has neither weight averaging nor gradient clipping. Finished runs are
kept in --runs and not trained again.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from seeds import interval, origin, parser, resample, train, write
from seeds import predictions as predictions_of
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

from multiskin.config import ModelConfig, Recipe
from multiskin.data.images import read_image
from multiskin.data.transforms import PhotoTransform, Preprocessing, evaluation_transform, training_transform
from multiskin.metrics import bootstrap
from multiskin.metrics.functional import macro_recall
from multiskin.models.backbone import pretrained_backbone
from multiskin.run import atomic_path
from multiskin.schema import Attribute, Schema
from multiskin.training.schedule import warmup_cosine

CONFIG = Path("configs/ham10000.yaml")
HEAD = Schema.load("configs/schemas/ham10000.yaml").attributes[0]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--root", default="data/ham10000_small", help="folder of the photos")
    options.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    args = options.parse_args()
    arguments = ["--config", str(CONFIG), "--data.root", args.root, "--model.weights", args.weights]
    runs = train("ham10000", arguments, args)
    ours = predictions_of(runs)
    plain = [plain_predictions(args, seed, run) for seed, run in zip(args.seeds, runs, strict=True)]
    command = f"python benchmarks/ham10000.py --seeds {' '.join(map(str, args.seeds))}"
    write("ham10000", compare({"multiskin": ours, "timm and a plain loop": plain}, HEAD), runs, command)


def compare(systems: dict[str, list[pd.DataFrame]], attribute: Attribute) -> pd.DataFrame:
    """Balanced accuracy of two systems, and the difference of the first from the second.

    Intervals resample test subjects, the same ones for all seeds and both systems.

    Args:
        systems: by name, a table of predictions per seed.
        attribute: the predicted attribute.
    """
    ordered = {name: [table.sort_values("image") for table in seeds] for name, seeds in systems.items()}
    weights = resample(next(iter(ordered.values()))[0])
    values = {name: np.stack([of(table, attribute, weights) for table in seeds]) for name, seeds in ordered.items()}
    first, second = values.values()  # (S, 1 + R)
    rows = {**values, "difference": first - second}
    return pd.DataFrame(
        [
            {"system": name, "metric": "balanced_accuracy"}
            | interval(of_seeds.mean(axis=0))
            | {"sd_over_seeds": of_seeds[:, 0].std(ddof=1) if len(of_seeds) > 1 else np.nan}
            for name, of_seeds in rows.items()
        ]
    )


def of(table: pd.DataFrame, attribute: Attribute, weights: np.ndarray) -> np.ndarray:
    """Balanced accuracy (1 + R,) for each row of weights (1 + R, N)."""
    true, decided = (table[name].to_numpy(int) for name in (attribute.true_column, attribute.name))
    cells = np.eye(attribute.grades**2)[attribute.grades * true + decided]  # (N, K * K)
    confusions = torch.from_numpy(weights @ cells).unflatten(1, (attribute.grades, attribute.grades))
    return bootstrap.metric_values(macro_recall, confusions)


# The plain loop


def plain_predictions(args: argparse.Namespace, seed: int, beside: Path) -> pd.DataFrame:
    """The plain loop's predictions of the test photos, cached in a file next to the run of the same seed."""
    path = beside.with_name(f"{beside.name}-plain-{origin(beside)['commit'][:8]}.csv")
    if not path.exists():
        predictions = Loop(args, seed).predictions()
        with atomic_path(path) as part:
            predictions.to_csv(part, index=False)
    return pd.read_csv(path, dtype={"subject": str, "image": str})


class Photos(Dataset[tuple[Tensor, int]]):
    """Photos and classes of some rows of the table."""

    def __init__(self, root: Path, table: pd.DataFrame, transform: PhotoTransform) -> None:
        self.paths = [root / name for name in table["image"]]
        self.classes = [HEAD.grade_names.index(name) for name in table[HEAD.heading]]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        seed = int(torch.randint(2**31, ()))
        return self.transform(read_image(self.paths[row]), seed), self.classes[row]


class Classifier(nn.Module):
    """Backbone, dropout and a linear layer."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        self.backbone = pretrained_backbone(model)
        self.layer = nn.Sequential(nn.Dropout(Recipe.dropout), nn.Linear(self.backbone.num_features, HEAD.grades))

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(self.backbone(images)[1])


class Loop:
    """Fine-tuning as in a tutorial: cross entropy, AdamW, warm-up and cosine, the epoch of lowest validation loss."""

    def __init__(self, args: argparse.Namespace, seed: int) -> None:
        torch.manual_seed(seed)
        config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = Classifier(ModelConfig(**config["model"] | {"weights": args.weights}))
        self.net = self.net.to(self.device).to(memory_format=torch.channels_last)
        backbone = self.net.backbone
        preprocessing = Preprocessing(config["model"]["input_size"], tuple(backbone.mean), tuple(backbone.std))
        root = Path(args.root)
        self.table = pd.read_csv(root / config["data"]["manifest"], dtype=str, keep_default_na=False)
        sides = {side: self.table[self.table["split"] == side] for side in ("train", "val", "test")}
        training = training_transform(config["recipe"]["augment"], preprocessing, "augment")
        size = config["data"]["batch_size"]
        self.train = DataLoader(Photos(root, sides["train"], training), size, shuffle=True, drop_last=True)
        plain = evaluation_transform(preprocessing)
        self.val, self.test = (DataLoader(Photos(root, sides[side], plain), 64) for side in ("val", "test"))
        self.epochs, self.lr = config["trainer"]["max_epochs"], config["optimizer"]["lr"]
        self.tested = sides["test"]

    def predictions(self) -> pd.DataFrame:
        """Trains the network, then predicts the classes of the test photos."""
        best, state = np.inf, self.net.state_dict()
        optimizer = torch.optim.AdamW(self.net.parameters(), self.lr, weight_decay=0.05)
        steps = len(self.train)
        schedule = LambdaLR(optimizer, lambda step: warmup_cosine(step, steps, steps * self.epochs))
        for epoch in range(self.epochs):
            self.net.train()
            for images, classes in self.train:
                loss = nn.functional.cross_entropy(self.net(images.to(self.device)), classes.to(self.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            logits, classes = self._logits(self.val)
            loss = nn.functional.cross_entropy(logits, classes)
            print(f"plain loop, epoch {epoch + 1}: validation loss {loss:.3f}", flush=True)
            if loss < best:
                best, state = loss.item(), copy.deepcopy(self.net.state_dict())
        self.net.load_state_dict(state)
        logits, classes = self._logits(self.test)
        facts = {"image": self.tested["image"], "subject": self.tested["lesion_id"]}
        return pd.DataFrame(facts).assign(**{HEAD.true_column: classes.numpy(), HEAD.name: logits.argmax(1).numpy()})

    @torch.inference_mode()
    def _logits(self, photos: DataLoader) -> tuple[Tensor, Tensor]:
        self.net.eval()
        parts = [(self.net(images.to(self.device)).cpu(), classes) for images, classes in photos]
        return torch.cat([logits for logits, _ in parts]), torch.cat([classes for _, classes in parts])


if __name__ == "__main__":
    main()

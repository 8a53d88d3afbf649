"""Simple baselines on mean colours and thumbnails, which a network on rendered photos should beat.

    python benchmarks/trivial.py data/rendered --out benchmarks/results/trivial_rendered.csv

For each head, chooses among several models, settings and decision rules on validation photos; only the chosen one is
evaluated on test photos. Takes about two minutes on one core.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from multiskin.data.images import read_image
from multiskin.decisions import decide
from multiskin.metrics.functional import confusion_matrix, p_recall
from multiskin.schema import Schema

SCHEMA = Path(__file__).parent.parent / "multiskin" / "embedded" / "schema.yaml"
GRADES = 5
DECISIONS = ("argmax", "median", "credit")
THUMBNAIL = 8  # pixels per side


class Candidate(NamedTuple):
    """A fitted model with a decision rule."""

    name: str
    model: Pipeline
    learned: np.ndarray  # (K,) the grade distribution that the model was fitted to
    prior: np.ndarray  # (K,) the one that probabilities are adjusted to before the decision
    decision: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder written by 'multiskin data render'")
    parser.add_argument("--out", type=Path, help="CSV file to write; default: none")
    options = parser.parse_args()
    table = compare(options.root, Schema.load(SCHEMA))
    print(table.to_string(index=False))
    if options.out:
        table.to_csv(options.out, index=False, float_format="%.4f")


def compare(root: Path, schema: Schema) -> pd.DataFrame:
    """Validation and test P-Recall of the best model on each kind of feature, for each head and their mean."""
    labels = pd.read_csv(root / "labels.csv")
    photos = [read_image(root / image) for image in labels["image"]]
    features = {
        "mean colours": np.stack([mean_colours(photo) for photo in photos]),
        "thumbnail": np.stack([thumbnail(photo) for photo in photos]),
    }
    rows = [
        {"features": name, "attribute": attribute.name} | best(values, labels[attribute.name], labels["split"])
        for name, values in features.items()
        for attribute in schema
    ]
    table = pd.DataFrame(rows)
    means = table.groupby("features", sort=False)[["val", "test"]].mean().reset_index().assign(attribute="mean")
    return pd.concat([table, means], ignore_index=True)


def mean_colours(photo: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of the RGB and CIELAB channels, (12,)."""
    values = np.concatenate([photo, cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)], axis=-1).reshape(-1, 6).astype(float)
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def thumbnail(photo: np.ndarray) -> np.ndarray:
    """The photo downsampled to 8 x 8 pixels by area averaging, (192,)."""
    return cv2.resize(photo.astype(np.float32), (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()


def best(features: np.ndarray, grades: pd.Series, split: pd.Series) -> dict[str, object]:
    """The candidate with the highest P-Recall on validation photos, with its P-Recall there and on test photos."""
    train, val, test = (((split == side) & grades.notna()).to_numpy() for side in ("train", "val", "test"))
    tried = list(candidates(features[train], grades[train].to_numpy(int)))
    on_val = [score(candidate, features[val], grades[val]) for candidate in tried]
    chosen = tried[int(np.argmax(on_val))]
    return {"val": max(on_val), "test": score(chosen, features[test], grades[test]), "model": chosen.name}


def candidates(features: np.ndarray, grades: np.ndarray) -> Iterator[Candidate]:
    """Every model with every decision rule; with SVMs also after adjusting to a uniform prior."""
    shares = np.bincount(grades, minlength=GRADES) / len(grades)
    even = (shares > 0) / np.count_nonzero(shares)  # the effective prior with balanced class weights
    for name, model in models(features.shape[1]):
        fitted = make_pipeline(StandardScaler(), model).fit(features, grades)
        scaled = isinstance(model, SVC)  # Platt scaling, which gives its probabilities, ignores class weights
        readings = [("", shares, shares), (", evened", shares, even)] if scaled else [("", even, even)]
        for (note, learned, prior), decision in product(readings, DECISIONS):
            yield Candidate(f"{name}{note}, {decision}", fitted, learned, prior, decision)


def models(width: int) -> Iterator[tuple[str, ClassifierMixin]]:
    """Small models of several kinds, with balanced class weights, for this number of features."""
    for c in (0.01, 0.1, 1.0, 10.0):
        yield f"logistic regression C={c:g}", LogisticRegression(C=c, class_weight="balanced", max_iter=3000)
    for c in (0.1, 1.0, 10.0):
        for gamma in (0.3, 1.0):
            machine = SVC(C=c, gamma=gamma / width, class_weight="balanced", probability=True, random_state=0)
            yield f"support vectors C={c:g} gamma={gamma:g}", machine
    for leaf in (2, 5, 15):
        trees = ExtraTreesClassifier(300, min_samples_leaf=leaf, class_weight="balanced", random_state=0)
        yield f"extra trees leaf={leaf}", trees


def score(candidate: Candidate, features: np.ndarray, grades: pd.Series) -> float:
    """P-Recall of the decided grades."""
    decided = decide(candidate.decision, probabilities(candidate, features), torch.from_numpy(candidate.prior))
    return p_recall(confusion_matrix(torch.tensor(grades.to_numpy(int)), decided, GRADES)).item()


def probabilities(candidate: Candidate, features: np.ndarray) -> torch.Tensor:
    """Probabilities (N, K), adjusted from the prior that the model learned to the candidate's by Bayes' rule."""
    weighted, trained = np.zeros((len(features), GRADES)), candidate.model.classes_
    weighted[:, trained] = candidate.model.predict_proba(features)
    weighted[:, trained] *= candidate.prior[trained] / candidate.learned[trained]
    return torch.from_numpy(weighted / weighted.sum(axis=1, keepdims=True))


if __name__ == "__main__":
    main()

"""Finds labels that look wrong: grades that are unlikely according to models that were not trained on the photo.

Networks are overconfident, and with balanced sampling they predict rare grades too often. So probabilities are first
calibrated on the labels that they will judge (temperature scaling with a bias for each grade: Alexandari et al., ICML
2020). Then the probability of the given grade is divided by its usual value for that grade, similar to the per-class
thresholds of confident learning (Northcutt et al., JAIR 70, 2021), since a weak network gives a low probability to
every rare grade, right or wrong. The ratio ranks the labels of all attributes, ordinal or nominal.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import softmax

from multiskin.data.exclusion import CHOICE, YES
from multiskin.data.manifest import Manifest
from multiskin.schema import MISSING, Attribute

UNLIKELY = 0.05  # a label is likely wrong if its probability is below this
UNUSUAL = 0.2  # and below this fraction of the usual probability of its grade
TINY = 1e-9  # lower bound on probabilities
RIDGE = 1e-3  # L2 penalty that keeps parameters near those of no calibration if few or perfect labels leave them open


def rank_suspects(manifest: Manifest, probabilities: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """All labels, ranked by how wrong they look.

    Args:
        manifest: N photos.
        probabilities: grade probabilities (N, K) by attribute, each row from models that were not trained on the photo.

    Returns:
        A table with the columns rank, row, image, subject, attribute, given, suggested, p_given, p_usual, p_suggested
        and exclude. It has one row per label, in ascending order of p_given / p_usual, with grades in the words of the
        schema and calibrated probabilities; exclude is yes if the label is likely wrong, else blank.
    """
    parts = [
        _judge(manifest.select(column != MISSING), h, attribute, probabilities[attribute.name][column != MISSING])
        for h, (attribute, column) in enumerate(zip(manifest.schema, manifest.grades.T, strict=True))
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table.iloc[np.lexsort((table["row"], table["p_given"] / table["p_usual"]))].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _judge(photos: Manifest, head: int, attribute: Attribute, probabilities: np.ndarray) -> pd.DataFrame:
    """The labels of one attribute, which all of these photos are graded for."""
    given = photos.grades[:, head]
    calibrated = calibrate(probabilities, given)  # (n, K)
    suggested = calibrated.argmax(axis=1)
    p_given, p_suggested = of_grade(calibrated, given), of_grade(calibrated, suggested)
    p_usual = usual(calibrated)[given]
    words = np.array([attribute.grade_label(grade) for grade in range(attribute.grades)])
    likely_wrong = (p_given < np.minimum(UNLIKELY, UNUSUAL * p_usual)) & (suggested != given)
    return pd.DataFrame(
        {
            "row": photos.rows,
            "image": photos.paths,
            "subject": "" if photos.subject is None else photos.subject,
            "attribute": attribute.name,
            "given": words[given],
            "suggested": words[suggested],
            "p_given": p_given,
            "p_usual": p_usual,
            "p_suggested": p_suggested,
            CHOICE: np.where(likely_wrong, YES, ""),
        }
    )


def calibrate(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Calibrates probabilities (N, K) on the given grades (N,).

    Their logarithms are multiplied by a common factor and shifted by a bias for each grade, fitted to minimise the log
    loss on the given grades.

    This is the model of `bias_corrected` in multiskin.calibration, but that fit would give a different ranking. Its
    prior is more than ten times stronger than RIDGE below 400 labels. It also clamps probabilities only at 1e-38, while
    TINY limits the influence of wrong labels that the network considers nearly impossible, which are expected here.
    """
    size, grades = probabilities.shape
    if not size:
        return probabilities
    logs, hits = np.log(np.maximum(probabilities, TINY)), np.eye(grades)[given]
    unchanged = np.r_[1.0, np.zeros(grades)]

    def scaled(parameters: np.ndarray) -> np.ndarray:
        return softmax(parameters[0] * logs + parameters[1:], axis=1)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient (1 + K,)."""
        predicted, change = scaled(parameters), parameters - unchanged
        error = (predicted - hits) / size
        value = -np.log(np.maximum(of_grade(predicted, given), 1e-300)).mean() + RIDGE / 2 * (change @ change)
        return value, np.r_[(error * logs).sum(), error.sum(axis=0)] + RIDGE * change

    return scaled(minimize(loss, unchanged, jac=True, method="L-BFGS-B").x)


def usual(probabilities: np.ndarray) -> np.ndarray:
    """The expected probability (K,) of each grade on photos where it is correct, given calibrated ones (N, K).

    It is the grade's share if the network cannot tell photos apart, 1 if it is always certain, and 0 if there are no
    photos. A mean over the photos labelled with the grade would include wrong labels, of which a rare grade may have
    many.
    """
    possible = np.maximum(probabilities, TINY)
    return (possible**2).sum(axis=0) / np.maximum(possible.sum(axis=0), TINY)


def of_grade(probabilities: np.ndarray, grades: np.ndarray) -> np.ndarray:
    """The probability (N,) of the given grade (N,) of each photo, from probabilities (N, K)."""
    return np.take_along_axis(probabilities, grades[:, None], axis=1)[:, 0]

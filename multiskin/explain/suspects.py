"""Labels that look wrong: grades that models which have not seen the photo consider unlikely.

Networks are surer than they should be, and with balanced samplers name rare grades too often. So probabilities are
calibrated first, on the labels that they will judge (temperature scaling with a bias for each grade: Alexandari et al.,
ICML 2020). Then the probability of the given grade is divided by what is usual for that grade, as confident learning
has a threshold for each class (Northcutt et al., JAIR 70, 2021): a network that knows little holds every rare grade
improbable, right ones too. This ranks the labels of all attributes, ordered or not.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import softmax

from multiskin.data.exclusion import CHOICE, YES
from multiskin.data.manifest import Manifest
from multiskin.schema import MISSING, Attribute

UNLIKELY = 0.05  # a grade less probable than this is likely wrong,
UNUSUAL = 0.2  # if that is also less than this part of what is usual for the grade
TINY = 1e-9  # no grade is impossible
RIDGE = 1e-3  # keeps what few or perfectly predicted labels leave open near what it is without calibration


def rank_suspects(manifest: Manifest, probabilities: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Every label, those that look most wrong first.

    Args:
        manifest: N photos.
        probabilities: of each attribute's grades, (N, K) by its name, from models that have not seen the photo.

    Returns:
        rank, row, image, subject, attribute, given, suggested, p_given, p_usual, p_suggested, exclude: a line for each
        label, the least p_given / p_usual first; grades in the schema's words, calibrated probabilities; exclude is yes
        where the label is likely wrong, else blank. No line of an attribute that nobody graded.
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
    """The labels of one attribute, for which all of these photos are graded."""
    given = photos.grades[:, head]
    believed = calibrate(probabilities, given)  # (n, K)
    suggested = believed.argmax(axis=1)
    p_given, p_suggested, p_usual = of_grade(believed, given), of_grade(believed, suggested), usual(believed)[given]
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
    """Probabilities (N, K) that are as sure as the given grades (N,) justify, each grade as frequent as among them.

    Their logarithms are multiplied by one factor and shifted by one number for each grade, so that the log loss on the
    given grades is least.
    """
    size, grades = probabilities.shape
    if not size:
        return probabilities
    logs, hits = np.log(np.maximum(probabilities, TINY)), np.eye(grades)[given]
    unchanged = np.r_[1.0, np.zeros(grades)]

    def scaled(parameters: np.ndarray) -> np.ndarray:
        return softmax(parameters[0] * logs + parameters[1:], axis=1)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """With its gradient (1 + K,)."""
        believed, change = scaled(parameters), parameters - unchanged
        error = (believed - hits) / size
        value = -np.log(np.maximum(of_grade(believed, given), 1e-300)).mean() + RIDGE / 2 * (change @ change)
        return value, np.r_[(error * logs).sum(), error.sum(axis=0)] + RIDGE * change

    return scaled(minimize(loss, unchanged, jac=True, method="L-BFGS-B").x)


def usual(probabilities: np.ndarray) -> np.ndarray:
    """The probability (K,) that a grade has on average where it is the right one, if probabilities (N, K) are true.

    It is the grade's share where the network cannot tell photos apart, 1 where it is always sure, and 0 where there is
    no photo. A mean over the photos that were given the grade would take in wrong labels, of which a rare grade may
    have many.
    """
    possible = np.maximum(probabilities, TINY)
    return (possible**2).sum(axis=0) / np.maximum(possible.sum(axis=0), TINY)


def of_grade(probabilities: np.ndarray, grades: np.ndarray) -> np.ndarray:
    """The probability (N,) of one grade per photo."""
    return np.take_along_axis(probabilities, grades[:, None], axis=1)[:, 0]

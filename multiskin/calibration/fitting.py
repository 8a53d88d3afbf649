"""Fits calibrations on graded photos that the network was not trained on, by penalized maximum likelihood.

Temperature scaling multiplies the log-probabilities by one number; bias correction also adds a number for each grade
(Alexandari, Kundaje and Shrikumar, ICML 2020); vector scaling also multiplies by a number for each grade (Guo et al.,
On Calibration of Modern Neural Networks, ICML 2017). The result is shifted from the grade distribution drawn in
training to the natural one by Bayes' rule (Saerens, Latinne and Decaestecker, Neural Computation 14, 2002), so that
the fit starts close to the truth however the sampler drew a head's photos. The photos are weighted to the natural
distribution too, since the biases would otherwise bring back that of the sample. (Only a grade that no photo has stays
without weight. To fit the likelihood of the grades among those found instead was worse in repeated divisions.)

The scaling comes before the shift because the network's confidence refers to the distribution it was trained on: if its
output p is q^a / sum q^a, where q is correct for the drawn photos, then the correct probabilities here are proportional
to p^(1/a) natural / drawn. If the shift came first, the temperature would also raise it to the power 1 / a: after
losses with soft targets, where a is about 1/2, the shift would be far too large, and for overconfident networks too
small.

For ordered grades, the remaining error may lie in how probability is spread over the grades, as after losses on the
cumulative distribution; scaling single grades does not correct that. Cumulative scaling therefore adds Platt scaling
(Platt, Advances in Large Margin Classifiers, 1999) of P(grade > k) at each cut between grades.

The log-likelihood is concave in all parameters. They have a normal prior centred on the shift alone, so that a few
photos change them little, while hundreds override the prior.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import log_softmax, softmax

from multiskin.calibration.calibrator import Calibrator
from multiskin.calibration.cuts import TINY, CutScaling, cut_logs
from multiskin.calibration.shares import importance_weights, natural_shares
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Attribute, Schema

WEIGHT_BOUNDS = (0.05, 20.0)  # minimum and maximum; positive, so that the order of grades is never reversed
PRIOR_STD = 0.5  # of weights and biases
MINIMIZER_OPTIONS = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}

# The free directions (P, 2 K) in the space of a head's K weights and K biases, for the P parameters of each method.
SOFTMAX_DIRECTIONS: dict[str, Callable[[int], np.ndarray]] = {
    "temperature": lambda k: np.r_[np.ones(k), np.zeros(k)][None],
    "bias_corrected": lambda k: np.r_[[np.r_[np.ones(k), np.zeros(k)]], np.eye(2 * k)[k:]],
    "vector": lambda k: np.eye(2 * k),
}
CUMULATIVE = "cumulative"
FIRST_STAGE = "bias_corrected"  # the first stage of cumulative scaling, and its only one for nominal grades
METHODS = (*SOFTMAX_DIRECTIONS, CUMULATIVE)

# The same at a cut, which has two grades, lower and higher: one weight for both, and a bias for the higher.
CUT_DIRECTIONS = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


class GradedProbabilities(NamedTuple):
    """N graded photos with the probabilities of H heads for them.

    Attributes:
        probabilities: (N, H, Kmax) as trained.
        grades: (N, H) int64, -1 where missing.
        units: (N,) the number of each photo's subject.
    """

    probabilities: np.ndarray
    grades: np.ndarray
    units: np.ndarray

    def of_head(self, head: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The probabilities (n, K), grades (n,) and subjects (n,) of the photos graded for a head of K grades."""
        graded = self.grades[:, head] != MISSING
        return self.probabilities[graded, head, :k], self.grades[graded, head], self.units[graded]


def require_method(name: str, attribute: Attribute) -> None:
    """Makes sure that an attribute's probabilities can be calibrated by this method.

    Raises:
        UserError: an unknown method, or one that needs ordered grades for a nominal attribute.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    if name == CUMULATIVE and not attribute.ordinal:
        raise UserError(f"method {name!r}: needs ordered grades, but {attribute.name} is nominal; use {FIRST_STAGE}")


def fit_calibrator(
    method: str, probabilities: np.ndarray, grades: np.ndarray, drawn: np.ndarray, natural: np.ndarray
) -> Calibrator:
    """Fits the calibration of one head to graded photos.

    Args:
        method: one of METHODS.
        probabilities: (N, K) of the head as trained, N >= 1.
        grades: (N,) int64 in 0..K-1.
        drawn: (K,) the share of each grade among the photos drawn in training; 0 for one that was never trained on.
        natural: (K,) the share of each grade that the calibrated probabilities should reflect; above 0 for every grade
            that a photo has.
    """
    if method == CUMULATIVE:
        scaled = fit_calibrator(FIRST_STAGE, probabilities, grades, drawn, natural)
        return _scaled_at_cuts(scaled, probabilities, grades, drawn, natural)
    shift = prior_shift(drawn, natural)
    logs = np.log(np.maximum(probabilities.astype(float), TINY))  # (N, K)
    importance = importance_weights(grades, natural)
    weight, bias = _fit_scaling(SOFTMAX_DIRECTIONS[method](logs.shape[1]), logs, grades, importance, shift)
    prior = _prior(softmax(weight * logs + bias, axis=1), importance, drawn, natural)
    return Calibrator(method, tuple(weight.tolist()), tuple(bias.tolist()), tuple(prior.tolist()), rows=len(logs))


def prior_shift(drawn: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """The log ratio (K,) that shifts log-probabilities from the drawn to the natural shares of the grades.

    It is 0 for a grade that was never drawn, about which nothing is known, or whose natural share is 0.
    """
    known = (drawn > 0) & (natural > 0)
    return np.log(np.divide(natural, drawn, out=np.ones(len(drawn)), where=known))


def _scaled_at_cuts(
    calibrator: Calibrator, probabilities: np.ndarray, grades: np.ndarray, drawn: np.ndarray, natural: np.ndarray
) -> Calibrator:
    """The same calibration followed by scaling at each cut, fitted to the same photos."""
    scaled = calibrator(torch.from_numpy(probabilities.astype(float)))  # (N, K)
    logs, importance = cut_logs(scaled).numpy(), importance_weights(grades, natural)  # (N, K-1, 2), (N,)
    found = [
        _fit_scaling(CUT_DIRECTIONS, logs[:, k], (grades > k).astype(int), importance, np.zeros(2))
        for k in range(logs.shape[1])
    ]
    cuts = CutScaling(tuple(float(weight[1]) for weight, _ in found), tuple(float(bias[1]) for _, bias in found))
    prior = _prior(cuts(scaled).numpy(), importance, drawn, natural)
    return replace(calibrator, method=CUMULATIVE, prior=tuple(prior.tolist()), cuts=cuts)


def _prior(calibrated: np.ndarray, importance: np.ndarray, drawn: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """The mean of calibrated probabilities (N, K) by importance (N,) and of K pseudo-photos with natural shares.

    Without these, the mean over a few photos would be unreliable, and about 0 for a grade that a confident network
    predicts for none of them.
    """
    k = len(natural)
    return (importance @ calibrated + k * natural) / (importance.sum() + k) * (drawn > 0)


def _fit_scaling(
    directions: np.ndarray, logs: np.ndarray, grades: np.ndarray, importance: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The maximum a posteriori weights and biases, (K,) each, for log-probabilities (N, K) and true grades (N,).

    They vary along the given directions (P, 2 K) around weights of 1 and biases equal to the shift (K,). Photos count
    by their importance (N,).
    """
    from scipy.optimize import minimize  # imported here since it takes half a second that prediction need not spend

    photos, k = importance.sum(), logs.shape[1]
    origin, one_hot = np.r_[np.ones(k), shift], np.eye(k)[grades]

    def loss(change: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient (P,)."""
        weight, bias = np.split(origin + change @ directions, 2)
        scaled = log_softmax(weight * logs + bias, axis=1)  # (N, K)
        error = importance[:, None] * (np.exp(scaled) - one_hot)
        gradient = directions @ np.r_[(error * logs).sum(axis=0), error.sum(axis=0)] + change / PRIOR_STD**2
        fit = importance @ (scaled * one_hot).sum(axis=1)
        return (((change / PRIOR_STD) ** 2).sum() / 2 - fit) / photos, gradient / photos

    has_weight = directions[:, :k].sum(axis=1) > 0  # (P,)
    limits = [(WEIGHT_BOUNDS[0] - 1, WEIGHT_BOUNDS[1] - 1) if free else (None, None) for free in has_weight]
    result = minimize(
        loss, np.zeros(len(directions)), jac=True, method="L-BFGS-B", bounds=limits, options=MINIMIZER_OPTIONS
    )
    weight, bias = np.split(origin + result.x @ directions, 2)
    return weight, bias


def fit_calibrators(
    schema: Schema,
    methods: Mapping[str, str],
    photos: GradedProbabilities,
    drawn: np.ndarray,
    counts: Sequence[Sequence[int]],
) -> dict[str, Calibrator]:
    """The calibrations of the given heads by name; heads without a graded photo get none.

    Args:
        schema: the attributes of the H heads.
        methods: the method of each head to calibrate, by name; cumulative becomes bias_corrected for nominal grades.
        photos: what to fit to.
        drawn: (H, Kmax) the share of each grade among the photos drawn in training.
        counts: for each attribute, how many training photos have each grade (K).
    """
    fitted = {}
    for h, attribute in enumerate(schema):
        own, true, units = photos.of_head(h, attribute.grades)
        if attribute.name in methods and len(true):
            natural = natural_shares(true, np.asarray(counts[h]), units)
            method = _method_for(attribute, methods[attribute.name])
            fitted[attribute.name] = fit_calibrator(method, own, true, drawn[h, : attribute.grades], natural)
    return fitted


def _method_for(attribute: Attribute, asked: str) -> str:
    return FIRST_STAGE if asked == CUMULATIVE and not attribute.ordinal else asked

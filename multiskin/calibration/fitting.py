"""Calibrations are fitted to graded photos that no weight was learned from: the lowest negative log-likelihood.

Temperature scaling multiplies the log-probabilities by one number; with bias correction it adds another one for each
grade (Alexandari, Kundaje and Shrikumar, ICML 2020); vector scaling multiplies by one for each grade, too (Guo et al.,
On Calibration of Modern Neural Networks, ICML 2017). What comes of that is brought from the grades that training drew
to those of the photos by Bayes' rule (Saerens, Latinne and Decaestecker, Neural Computation 14, 2002), so that the fit
begins near the truth however a head's photos were drawn.

In this order, for a network is as sure as it is about the grades that were drawn, not about others: if its
probabilities are q^a / sum q^a, q being true of the drawn photos, then those of the photos here are proportional to
p^(1/a) natural / drawn. Were they shifted first, the temperature would take the shift to the power of 1 / a, too: after
losses with soft targets, a being about 1/2, it would be overdone by half or more, and after sure networks fall short.

Of ordered grades, what is left then may lie in how probabilities are spread over them, which scaling each of them does
not mend: it is so after losses of the cumulative distribution. Cumulative scaling goes on with Platt scaling (Platt,
Advances in Large Margin Classifiers, 1999) of whether the grade is higher, at each cut between grades.

The log-likelihood is concave in all numbers. They have a normal prior around changing nothing but that: a few photos
move them little, hundreds as far as they like.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.special import log_softmax, softmax

from multiskin.calibration.calibrator import Calibrator
from multiskin.calibration.cuts import TINY, CutScaling, cut_logs
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Attribute, Schema

WEIGHTS = (0.05, 20.0)  # the least and the most of them: no order of grades is ever reversed
SPREAD = 0.5  # the standard deviation of their prior, and of that of biases
EXACT = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}  # of the minimisation

# What is free of a head's K weights and K biases, by method: directions (P, 2 K) for P parameters.
SOFTMAX: dict[str, Callable[[int], np.ndarray]] = {
    "temperature": lambda k: np.r_[np.ones(k), np.zeros(k)][None],
    "bias_corrected": lambda k: np.r_[[np.r_[np.ones(k), np.zeros(k)]], np.eye(2 * k)[k:]],
    "vector": lambda k: np.eye(2 * k),
}
CUMULATIVE = "cumulative"
BEFORE_CUTS = "bias_corrected"  # what it begins with, and all there is of it where grades have no order
METHODS = (*SOFTMAX, CUMULATIVE)

# And at a cut, where there are two grades, lower and higher: one weight for both, and the bias of the higher.
CUT = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def require_method(name: str, attribute: Attribute) -> None:
    """Makes sure that an attribute's probabilities can be calibrated so.

    Raises:
        UserError: an unknown method, or one that needs an order where there is none.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    if name == CUMULATIVE and not attribute.ordinal:
        raise UserError(
            f"method {name!r}: needs ordered grades, and those of {attribute.name} are nominal: {BEFORE_CUTS}"
        )


def fit_calibrator(
    method: str, probabilities: np.ndarray, grades: np.ndarray, drawn: np.ndarray, natural: np.ndarray
) -> Calibrator:
    """The calibration of one head that is likeliest given graded photos.

    Args:
        method: one of METHODS.
        probabilities: (N, K) of the head as it was trained, N >= 1.
        grades: (N,) int64 in 0..K-1.
        drawn: (K,) the share of each grade that the probabilities stand for, 0 for one that was never trained on.
        natural: (K,) the share of each grade that they are to stand for.
    """
    if method == CUMULATIVE:
        scaled = fit_calibrator(BEFORE_CUTS, probabilities, grades, drawn, natural)
        return _scaled_at_cuts(scaled, probabilities, grades, drawn, natural)
    shift = prior_shift(drawn, natural)
    logs = np.log(np.maximum(probabilities.astype(float), TINY))  # (N, K)
    weight, bias = _likeliest(SOFTMAX[method](logs.shape[1]), logs, grades, shift)
    prior = _prior(softmax(weight * logs + bias, axis=1), drawn, natural)
    return Calibrator(method, tuple(weight.tolist()), tuple(bias.tolist()), tuple(prior.tolist()), rows=len(logs))


def prior_shift(drawn: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """What to add to log-probabilities (K,) so that they stand for other shares of the grades than were drawn.

    Nothing is known of a grade that was not drawn: it is left as it is.
    """
    known = (drawn > 0) & (natural > 0)
    return np.log(np.divide(natural, drawn, out=np.ones(len(drawn)), where=known))


def _scaled_at_cuts(
    calibrator: Calibrator, probabilities: np.ndarray, grades: np.ndarray, drawn: np.ndarray, natural: np.ndarray
) -> Calibrator:
    """The same calibration, and after it what is likeliest at each cut, given the photos that it was fitted to."""
    scaled = calibrator(torch.from_numpy(probabilities.astype(float)))  # (N, K)
    logs = cut_logs(scaled).numpy()  # (N, K-1, 2)
    found = [_likeliest(CUT, logs[:, k], (grades > k).astype(int), np.zeros(2)) for k in range(logs.shape[1])]
    cuts = CutScaling(tuple(float(weight[1]) for weight, _ in found), tuple(float(bias[1]) for _, bias in found))
    prior = _prior(cuts(scaled).numpy(), drawn, natural)
    return replace(calibrator, method=CUMULATIVE, prior=tuple(prior.tolist()), cuts=cuts)


def _prior(calibrated: np.ndarray, drawn: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """What calibrated probabilities (N, K) average to, K more photos having the natural shares (K,).

    Of a few photos the mean alone would say little of others, and 0 of a grade that a sure network sees in none.
    """
    photos, k = calibrated.shape
    return (calibrated.sum(axis=0) + k * natural) / (photos + k) * (drawn > 0)


def _likeliest(
    free: np.ndarray, logs: np.ndarray, grades: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The weights and biases, (K,) each, for log-probabilities (N, K) of photos with these grades (N,).

    What is free (P, 2 K) is so around weights of 1 and biases that are the shift (K,).
    """
    from scipy.optimize import minimize  # takes half a second that whoever scores one photo need not wait for

    photos, k = logs.shape
    unchanged, hits = np.r_[np.ones(k), shift], np.eye(k)[grades]

    def loss(change: np.ndarray) -> tuple[float, np.ndarray]:
        """With its gradient (P,)."""
        weight, bias = np.split(unchanged + change @ free, 2)
        scaled = log_softmax(weight * logs + bias, axis=1)  # (N, K)
        error = np.exp(scaled) - hits
        gradient = free @ np.r_[(error * logs).sum(axis=0), error.sum(axis=0)] + change / SPREAD**2
        return (((change / SPREAD) ** 2).sum() / 2 - (scaled * hits).sum()) / photos, gradient / photos

    weighs = free[:, :k].sum(axis=1) > 0  # (P,)
    limits = [(WEIGHTS[0] - 1, WEIGHTS[1] - 1) if weigh else (None, None) for weigh in weighs]
    found = minimize(loss, np.zeros(len(free)), jac=True, method="L-BFGS-B", bounds=limits, options=EXACT)
    weight, bias = np.split(unchanged + found.x @ free, 2)
    return weight, bias


def fit_calibrators(
    schema: Schema,
    methods: Mapping[str, str],
    probabilities: np.ndarray,
    grades: np.ndarray,
    drawn: np.ndarray,
    counts: Sequence[Sequence[int]],
) -> dict[str, Calibrator]:
    """The calibrations of the heads that are to have one, by name; of a head without a graded photo there is none.

    Args:
        schema: the heads, H of them.
        methods: by the names of those that are to have one; cumulative is bias_corrected where grades are nominal.
        probabilities: (N, H, Kmax) as trained.
        grades: (N, H) int64, -1 where missing.
        drawn: (H, Kmax) the share of each grade that the probabilities stand for.
        counts: training grades of each attribute (K).
    """
    fitted = {}
    for h, attribute in enumerate(schema):
        graded, k = grades[:, h] != MISSING, attribute.grades
        if attribute.name in methods and graded.any():
            own, true = probabilities[graded, h, :k], grades[graded, h]
            natural = shares(true, np.asarray(counts[h]))
            method = _method_for(attribute, methods[attribute.name])
            fitted[attribute.name] = fit_calibrator(method, own, true, drawn[h, :k], natural)
    return fitted


def _method_for(attribute: Attribute, asked: str) -> str:
    return BEFORE_CUTS if asked == CUMULATIVE and not attribute.ordinal else asked


def shares(grades: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The share of each grade (K,) among photos with these grades (N,), and K more that are like the training photos.

    The photos are what the model is to be used on, as far as anybody knows: where a split keeps the shares of grades
    they are those of training, and where it does not training says nothing of them.

    Args:
        grades: (N,).
        counts: (K,) photos of each grade in training.
    """
    k = len(counts)
    return (np.bincount(grades, minlength=k) + k * counts / max(counts.sum(), 1)) / (len(grades) + k)

"""The table of losses on frozen features."""

from typing import Any

import pandas as pd

from multiskin.compare.words import limits
from tables.cells import markdown, origin

COLUMNS = {
    ("p_recall", "argmax"): "P-Recall, argmax",
    ("p_recall", "credit"): "P-Recall, credit",
    ("rps_balanced", ""): "balanced RPS",
    ("kappa", "argmax"): "kappa",
}
DECISIVE = ("p_recall", "credit")
GAIN = ("credit_less_argmax", "credit")
KEY = ["side", "loss", "metric", "decision"]

REMARKS = (
    "Probabilities are as trained, uncalibrated; credit suffers with those of cdw ce, which are not those of the "
    "grades it was shown. Balanced softmax is logit adjustment at its default, tau = 1."
)

Lines = dict[tuple[str, ...], dict[str, float]]  # by what KEY names


def losses(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a loss, the best on validation first, and under them where the numbers come from."""
    as_trained = results[results["calibration"] == "none"].fillna({"decision": ""})
    table: Lines = as_trained.set_index(KEY).to_dict("index")  # type: ignore[assignment]
    headings = ["loss", "on validation", *COLUMNS.values(), f"credit less {words(source['baseline'])}'s"]
    rows = [row(table, loss, source["baseline"]) for loss in source["ranked"]]
    return [*markdown(headings, rows), "", told(table, source)]


def row(table: Lines, loss: str, baseline: str) -> list[str]:
    """The loss, P-Recall on validation photos, what test photos say, and how far that is from the baseline's."""
    decisive = table["test", loss, *DECISIVE]
    bounds = limits(decisive["difference_low"], decisive["difference_high"])
    beside = "" if loss == baseline else f"{decisive['difference']:+.3f} ({bounds})"
    values = (f"{table['test', loss, *column]['value']:.3f}" for column in COLUMNS)
    return [words(loss), f"{table['val', loss, *DECISIVE]['value']:.3f}", *values, beside]


def told(table: Lines, source: dict[str, Any]) -> str:
    """What probabilities are read, what deciding for P-Recall brings by itself, and where the numbers come from."""
    gain = table["test", source["baseline"], *GAIN]
    return (
        f"Heads on frozen features: means over attributes and {len(source['seeds'])} seeds, sorted by P-Recall with "
        f"credit on validation photos. {REMARKS} With {words(source['baseline'])}, credit in place of argmax gains "
        f"{gain['value']:+.3f} ({limits(gain['low'], gain['high'])}). {source['interval']}. {origin(source)}"
    )


def words(loss: str) -> str:
    return loss.replace("_", " ")

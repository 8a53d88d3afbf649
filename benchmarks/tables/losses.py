"""The table of losses on frozen features."""

from functools import partial
from typing import Any

import pandas as pd

from tables.cells import bounded, markdown, origin

COLUMNS = {
    ("p_recall", "argmax"): "P-Recall, argmax",
    ("p_recall", "credit"): "P-Recall, credit",
    ("rps_balanced", ""): "balanced RPS",
    ("kappa", "argmax"): "kappa",
}
DECISIVE = ("p_recall", "credit")
GAIN, LESS = ("credit_less_argmax", "credit"), ("credit_less_baseline", "credit")
CALIBRATION = "cumulative"
KEY = ["side", "loss", "metric", "decision"]

REMARKS = (
    "Probabilities are calibrated (cumulative) on the validation photos; those of the validation photos themselves on "
    "the other half of their subjects. Balanced softmax is logit adjustment at its default, tau = 1."
)

less = partial(bounded, decimals=3, sign="+")

Lines = dict[tuple[str, ...], dict[str, float]]  # by what KEY names


def losses(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line per loss, the best on validation first, and below where the numbers come from."""
    calibrated = results[results["calibration"] == CALIBRATION].fillna({"decision": ""})
    table: Lines = calibrated.set_index(KEY).to_dict("index")  # type: ignore[assignment]
    minus = f"minus {words(source['baseline'])}"
    headings = ["loss", "P-Recall on validation", minus, *COLUMNS.values(), f"credit, {minus}"]
    rows = [row(table, loss, source["baseline"]) for loss in source["ranked"]]
    return [*markdown(headings, rows), "", told(table, source)]


def row(table: Lines, loss: str, baseline: str) -> list[str]:
    """The loss, P-Recall on validation photos, then on test photos; after each its difference from the baseline."""
    on_val, on_test = table["val", loss, *LESS], table["test", loss, *DECISIVE]
    values = (f"{table['test', loss, *column]['value']:.3f}" for column in COLUMNS)
    gained = less(on_val["value"], on_val["low"], on_val["high"])
    beside = less(on_test["difference"], on_test["difference_low"], on_test["difference_high"])
    own = loss != baseline
    return [words(loss), f"{table['val', loss, *DECISIVE]['value']:.3f}", gained * own, *values, beside * own]


def told(table: Lines, source: dict[str, Any]) -> str:
    """Which probabilities are used, what deciding by credit gains by itself, and where the numbers come from."""
    gain = table["test", source["baseline"], *GAIN]
    return (
        f"Heads on frozen features: means over attributes and {len(source['seeds'])} seeds, sorted by P-Recall with "
        f"credit on validation photos. {REMARKS} With {words(source['baseline'])}, credit in place of argmax gains "
        f"{less(gain['value'], gain['low'], gain['high'])}. {source['interval']}. {seconds(source)} {origin(source)}"
    )


def seconds(source: dict[str, Any]) -> str:
    features, heads = source["seconds"]["features"], source["seconds"]["heads"]
    return f"It took {(features + heads) / 60:.0f} minutes of processor time."


def words(loss: str) -> str:
    return loss.replace("_", " ")

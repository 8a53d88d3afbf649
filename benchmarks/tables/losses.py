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
CREDIT_GAIN, BASELINE_GAIN = ("credit_less_argmax", "credit"), ("credit_less_baseline", "credit")
CALIBRATION = "cumulative"
KEY = ["side", "loss", "metric", "decision"]

REMARKS = (
    "Probabilities of test photos are calibrated (cumulative) on the validation photos, those of each half of the "
    "validation subjects on the other half. Balanced softmax is logit adjustment at its default, tau = 1."
)

signed = partial(bounded, decimals=3, sign="+")

Lines = dict[tuple[str, ...], dict[str, float]]  # by the columns of KEY


def losses(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per loss, with the best on validation first, and a caption."""
    calibrated = results[results["calibration"] == CALIBRATION].fillna({"decision": ""})
    table: Lines = calibrated.set_index(KEY).to_dict("index")  # type: ignore[assignment]
    minus = f"minus {title(source['baseline'])}"
    headings = ["loss", "P-Recall on validation", minus, *COLUMNS.values(), f"credit, {minus}"]
    rows = [row(table, loss, source["baseline"]) for loss in source["ranked"]]
    return [*markdown(headings, rows), "", caption(table, source)]


def row(table: Lines, loss: str, baseline: str) -> list[str]:
    """One loss: P-Recall on validation photos and metrics on test photos, with differences from the baseline."""
    on_val, on_test = table["val", loss, *BASELINE_GAIN], table["test", loss, *DECISIVE]
    values = (f"{table['test', loss, *column]['value']:.3f}" for column in COLUMNS)
    val_difference = signed(on_val["value"], on_val["low"], on_val["high"])
    test_difference = signed(on_test["difference"], on_test["difference_low"], on_test["difference_high"])
    is_candidate = loss != baseline
    return [
        title(loss),
        f"{table['val', loss, *DECISIVE]['value']:.3f}",
        val_difference * is_candidate,
        *values,
        test_difference * is_candidate,
    ]


def caption(table: Lines, source: dict[str, Any]) -> str:
    """The caption: what was averaged and calibrated, the gain of deciding by credit, and the origin."""
    gain = table["test", source["baseline"], *CREDIT_GAIN]
    return (
        f"Heads on frozen features: means over attributes and {len(source['seeds'])} seeds, sorted by P-Recall with "
        f"credit on validation photos. {REMARKS} With {title(source['baseline'])}, credit in place of argmax gains "
        f"{signed(gain['value'], gain['low'], gain['high'])}. {source['interval']}. {seconds(source)} {origin(source)}"
    )


def seconds(source: dict[str, Any]) -> str:
    features, heads = source["seconds"]["features"], source["seconds"]["heads"]
    return f"CPU time: {(features + heads) / 60:.0f} minutes."


def title(loss: str) -> str:
    return loss.replace("_", " ")

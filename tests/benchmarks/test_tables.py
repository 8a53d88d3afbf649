"""Captions of the README's tables."""

import numpy as np
import pandas as pd
import pytest
from tables import finetuned, losses, scores
from tables.cells import seeds_of

SOURCE = {"command": "python benchmarks/it.py", "machine": "a machine", "interval": "95 %", "draws": "9 halves"}


@pytest.mark.parametrize("seeds", [[0, 2, 1], [0, 2, 1, 0, 2, 1], [0, 0, 2, 1]])
def test_seeds_of_several_runs_are_listed_once(seeds):
    assert seeds_of({"seeds": seeds}) == "0, 2, 1"


def test_captions_of_systems_and_losses_list_each_seed_once():
    source = SOURCE | {"seeds": [0, 1, 0, 1]}
    system = {"system": "a", "mean": 0.5, "low": 0.4, "high": 0.6, "sd_over_seeds": 0.1}
    assert scores.systems(source, pd.DataFrame([system]))[-1].startswith("Seeds 0, 1;")
    row = {"attribute": "mean", "title": "a", "baseline": 0.4, "candidate": 0.5, "difference": 0.1}
    row |= {"method_low": 0.0, "method_high": 0.2}
    rows = [row | {"side": side, "metric": metric} for side in ("val", "test") for metric in finetuned.METRICS]
    assert "seeds 0, 1." in finetuned.losses(source, pd.DataFrame(rows))[-1]


def test_caption_of_calibration_counts_the_heads_that_each_method_calibrates():
    row = {"error": 0.1, "floor_high": 0.02}
    met = {"none": [False] * 4, "temperature": [True, False, False, True], "bias_corrected": [True] * 4}
    heads = [(name, run) for name in ("shine", "lines") for run in ("a", "b")]
    rows = [
        row | {"attribute": name, "run": run, "method": method, "met": head_met}
        for method, heads_met in met.items()
        for (name, run), head_met in zip(heads, heads_met, strict=True)
    ]
    gains = {"p_recall": [0.01, -0.002, 0.022], "rps": [-0.005, -0.0072, -0.0028]}
    caption = scores.calibration(SOURCE | {"gains": gains}, pd.DataFrame(rows))[-1]
    assert "Calibrated of 4 heads (2 in each of 2 runs): as trained 0, temperature 2, bias corrected 4." in caption
    assert "P-Recall by +0.0100 (-0.0020 to 0.0220) and RPS by -0.0050 (-0.0072 to -0.0028); 95 %" in caption
    assert "right form" not in caption
    new = {"refit_missed": [*[np.nan] * 8, 0.25, 0.5, 0.125, 0.25], "refit_high": [*[np.nan] * 8, 0.2, 0.05, 0.1, 0.2]}
    caption = scores.calibration(SOURCE | {"gains": gains}, pd.DataFrame(rows).assign(**new))[-1]
    assert "would leave out 1.1; 3 of its errors are below the limit" in caption


def test_caption_of_losses_explains_calibration_and_equivalent_losses():
    row = {"calibration": "cumulative", "loss": "cross_entropy", "value": 0.5, "low": 0.4, "high": 0.6}
    row |= {"difference": 0.0, "difference_low": 0.0, "difference_high": 0.0}
    keys = [*losses.COLUMNS, losses.DECISIVE, losses.CREDIT_GAIN, losses.BASELINE_GAIN]
    rows = [row | {"side": s, "metric": m, "decision": d} for s in ("val", "test") for m, d in dict.fromkeys(keys)]
    source = SOURCE | {"seeds": [0], "baseline": "cross_entropy", "ranked": ["cross_entropy"]}
    source |= {"seconds": {"features": 58, "heads": 451}}
    caption = losses.losses(source, pd.DataFrame(rows))[-1]
    for words in ("calibrated (cumulative)", "CPU time: 8 minutes", "logit adjustment at its default, tau = 1"):
        assert words in caption

"""Reliability by head: its numbers are the metrics', and its diagrams show them."""

import re
from itertools import pairwise

import numpy as np
import pytest

from multiskin.metrics.calibration import calibration_error, classes, cuts, noise_floor, reliability
from multiskin.reports.reliability import draw_reliability, head_reliability
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("left", 3), Attribute("kind", 3, kind="nominal")))


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grades (N, H), partial, none of the second head, and two opinions on them (N, H, Kmax)."""
    random = np.random.default_rng(0)
    grades = np.stack([random.integers(-1, 5, 80), np.full(80, -1), random.integers(-1, 3, 80)], axis=1)
    shares = random.random((2, 80, 3, 5)) * (np.arange(5) < np.array([5, 3, 3])[:, None])
    probabilities, before = (shares / shares.sum(axis=-1, keepdims=True)).astype(np.float32)
    return grades, probabilities, before


def test_each_graded_head_has_the_metrics_of_its_own_photos(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    grades, probabilities, before = answers
    shine, kind = head_reliability(SCHEMA, grades, probabilities, before)
    for head, h, k, ask in ((shine, 0, 5, cuts), (kind, 2, 3, classes)):
        graded = grades[:, h] >= 0
        assert head.attribute == SCHEMA.attributes[h]
        assert head.photos == graded.sum()
        assert head.before is not None
        for found, of in ((head.found, probabilities), (head.before, before)):
            p, true = of[graded, h, :k], grades[graded, h]
            assert found.error == calibration_error(p, true, ask)
            assert found.floor == noise_floor(p, ask)
            assert found.bins == reliability(ask(p, true))
    cumulated = probabilities[grades[:, 0] >= 0, 0].cumsum(axis=1)[:, :4]
    true = grades[grades[:, 0] >= 0, :1] <= np.arange(4)
    assert shine.found.rps == pytest.approx(((cumulated - true) ** 2).mean())
    assert kind.found.rps is None
    assert all(head.before is None for head in head_reliability(SCHEMA, grades, probabilities))


def test_a_diagram_tells_what_it_shows_with_and_without_calibration(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    grades, probabilities, _ = answers
    both, alone = (head_reliability(SCHEMA, *of)[0] for of in (answers, (grades, probabilities)))
    charts = [draw_reliability(head, name) for head, name in ((both, "val shine"), (alone, "test shine"))]
    widths = [float(re.findall(r'viewBox="0 0 ([\d.]+)', chart)[0]) for chart in charts]
    assert widths[0] > widths[1]
    for words in ("uncalibrated", "calibrated", "of a higher grade"):
        assert words in charts[0]
    assert "uncalibrated" not in charts[1]
    spoken = [float(number) for number in re.findall(r"([\d.]+) observed", charts[1])]
    assert len(spoken) == len(alone.found.bins)
    assert all(one < other for one, other in pairwise(spoken))
    assert not set(re.findall(r'id="([^"]+)"', charts[0])) & set(re.findall(r'id="([^"]+)"', charts[1]))
    assert "of a class" in draw_reliability(head_reliability(SCHEMA, *answers)[1], "val kind")

import math
from itertools import pairwise

import pytest

from multiskin.training.schedule import warmup_cosine


class TestWarmupCosine:
    def test_rises_linearly_then_falls_to_nothing(self):
        shares = [warmup_cosine(step, 4, 20) for step in range(21)]
        assert shares[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
        assert shares[4] == 1.0
        assert shares[12] == pytest.approx(0.5)
        assert shares[20] == pytest.approx(0.0)
        assert all(a > b for a, b in pairwise(shares[4:]))

    def test_stays_defined_without_warmup_and_beyond_the_end(self):
        assert warmup_cosine(0, 0, 1) == 1.0
        assert warmup_cosine(9, 0, 3) == pytest.approx(0.0)
        assert math.isfinite(warmup_cosine(3, 3, 3))

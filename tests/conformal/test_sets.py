"""Masks of sets: filling gaps and finding the ends."""

import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from multiskin.conformal.sets import fill_gaps, highest, lowest

masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))


@settings(max_examples=80, deadline=None)
@given(masks)
def test_gaps_are_filled_and_ends_found(sets):
    full, low, high = fill_gaps(sets), lowest(sets), highest(sets)
    for place in np.ndindex(sets.shape[:-1]):
        held = np.flatnonzero(sets[place])
        if not len(held):
            assert not full[place].any()
            continue
        assert np.flatnonzero(full[place]).tolist() == list(range(held[0], held[-1] + 1))
        assert (low[place], high[place]) == (held[0], held[-1])

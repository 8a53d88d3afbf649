"""Photos of one person, against plain loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.inference.fusion import fuse, graded_in
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("spots", 2)))
PARTS = st.sampled_from(["side", "chin", "forehead", "scalp"])
records = st.dictionaries(st.sampled_from(SCHEMA.names), st.lists(PARTS, min_size=1, unique=True))


def slow_graded_in(parts, shown):
    known = set().union(*parts.values()) if parts else set()
    rows = []
    for part in shown:
        row = []
        for attribute in SCHEMA:
            if part is None or part not in known or attribute.name not in parts:
                row.append(True)
            else:
                row.append(part in parts[attribute.name])
        rows.append(row)
    return rows


@settings(max_examples=60, deadline=None)
@given(records, st.lists(PARTS | st.none() | st.just(""), max_size=5))
def test_a_photo_counts_for_the_attributes_graded_on_its_part(parts, shown):
    found = graded_in(SCHEMA, parts, shown)
    assert found.shape == (len(shown), len(SCHEMA))
    assert found.dtype == bool
    assert found.tolist() == slow_graded_in(parts, shown)


def drawn(photos, seed):
    rng = np.random.default_rng(seed)
    probabilities = np.zeros((photos, len(SCHEMA), SCHEMA.max_grades), np.float32)
    for h, attribute in enumerate(SCHEMA):
        probabilities[:, h, : attribute.grades] = rng.dirichlet(np.ones(attribute.grades), photos)
    return probabilities, rng.random((photos, len(SCHEMA))) < 0.6


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10_000))
def test_the_mean_is_over_the_photos_that_count(photos, seed):
    probabilities, counted = drawn(photos, seed)
    fused, kept = fuse(probabilities, counted)
    np.testing.assert_array_equal(kept, counted)
    for h, attribute in enumerate(SCHEMA):
        some = [probabilities[n, h] for n in range(photos) if counted[n, h]]
        expected = sum(some) / len(some) if some else np.zeros(SCHEMA.max_grades)
        np.testing.assert_allclose(fused[h], expected, atol=1e-6)
        assert not fused[h, attribute.grades :].any()
        assert np.isclose(fused[h].sum(), bool(some), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_the_order_of_photos_does_not_matter(photos, seed):
    probabilities, counted = drawn(photos, seed)
    order = np.random.default_rng(seed).permutation(photos)
    there, here = fuse(probabilities, counted), fuse(probabilities[order], counted[order])
    np.testing.assert_allclose(here.probabilities, there.probabilities, atol=1e-6)

from collections.abc import Callable

import numpy as np
import pytest

from multiskin.schema import Schema


@pytest.fixture
def confusion_of() -> Callable[[Schema], np.ndarray]:
    """Counts (H, Kmax, Kmax), mostly near the diagonal, of which the last grade of a head has none."""

    def draw(schema: Schema) -> np.ndarray:
        random = np.random.default_rng(0)
        confusion = np.zeros((len(schema), schema.max_grades, schema.max_grades), np.int64)
        for h, attribute in enumerate(schema):
            k = attribute.grades
            distance = np.abs(np.subtract.outer(np.arange(k - 1), np.arange(k)))
            confusion[h, : k - 1, :k] = random.poisson(2000 * 0.2**distance)
        return confusion

    return draw

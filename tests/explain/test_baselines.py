import numpy as np

from multiskin.explain.baselines import centre_blob, random_smooth, uniform

SHAPE = (3, 5, 7)


def test_baselines_have_the_shape_of_the_compared_maps() -> None:
    rows = np.array([4, 9])
    for maps in (uniform(rows, SHAPE), centre_blob(rows, SHAPE), random_smooth(rows, SHAPE, 0)):
        assert maps.shape == (2, *SHAPE)
        assert maps.dtype == np.float32


def test_the_blob_is_a_centred_symmetric_gaussian() -> None:
    [blob] = centre_blob(np.array([0]), (1, 5, 5))[:, 0]
    assert np.unravel_index(blob.argmax(), (5, 5)) == (2, 2)
    np.testing.assert_allclose(blob, blob[::-1])
    np.testing.assert_allclose(blob, blob.T)
    # The standard deviation is a quarter of the side, and cells are a fifth of it apart.
    np.testing.assert_allclose(blob[2, 3] / blob[2, 2], np.exp(-((0.2 / 0.25) ** 2) / 2), rtol=1e-6)


def test_random_maps_depend_on_the_photo_not_the_batch() -> None:
    together = random_smooth(np.array([3, 1, 8]), SHAPE, 5)
    np.testing.assert_array_equal(together[1:2], random_smooth(np.array([1]), SHAPE, 5))
    assert not np.array_equal(together[0], together[1])
    assert not np.array_equal(together, random_smooth(np.array([3, 1, 8]), SHAPE, 6))

import cv2
import numpy as np

from multiskin.data.render.tones import HAEMOGLOBIN, LAB, MELANIN, TONES, lab_to_linear, skin_colour, typology_angle

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def test_lab_to_linear_agrees_with_opencv():
    theirs = cv2.cvtColor(LAB[None], cv2.COLOR_Lab2LRGB)[0]
    np.testing.assert_allclose(lab_to_linear(LAB), theirs, atol=2e-3)


def test_each_tone_lies_in_its_class_of_the_typology_angle():
    edges = [90, 55, 41, 28, 10, -30, -90]
    for tone in range(len(TONES)):
        assert edges[tone + 1] < typology_angle(LAB[tone, 0], LAB[tone, 2]) < edges[tone]


def test_tones_are_ordered_by_luminance():
    assert np.all(np.diff([skin_colour(tone) @ LUMINANCE for tone in range(len(TONES))]) < 0)


def test_melanin_browns_and_haemoglobin_reddens():
    bare, tanned, flushed = skin_colour(1), skin_colour(1, melanin=0.3), skin_colour(1, blood=0.3)
    assert np.all(np.diff(tanned / bare) < 0)
    assert np.all(np.diff(MELANIN) > 0)
    assert np.argmax(HAEMOGLOBIN) == 1
    assert flushed[0] / bare[0] > 0.9 > flushed[1] / bare[1]

import pytest
from matplotlib import rcParams
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure

from multiskin.reports.styles import DARK, INK, LIGHT, page_style, picture_style
from multiskin.reports.svg import to_svg


def test_colours_have_names_within_a_style_only() -> None:
    before = dict(rcParams)
    for style in (picture_style, page_style, picture_style):
        with style():
            assert all(is_color_like(name) for name in LIGHT)
        assert not any(is_color_like(name) for name in LIGHT)
    with picture_style():
        assert {name: to_hex(name) for name in LIGHT} == LIGHT
    assert dict(rcParams) == before


def test_a_style_ends_with_an_error() -> None:
    with pytest.raises(KeyError), picture_style():
        raise KeyError
    assert not is_color_like(INK)


def test_a_page_has_its_own_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
    with page_style():
        figure = Figure(figsize=(1, 1))
        for position, name in enumerate(LIGHT):
            figure.text(0, position / len(LIGHT), name, color=name)
        svg = to_svg(figure, "every colour", "")
    assert all(f"var(--{name})" in svg for name in LIGHT)
    assert "#0000" not in svg

"""Which text a figure can show: matplotlib's own font lacks Hangul, and not every machine has a font with it."""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font, get_font_names

OWN = "DejaVu Sans"  # comes with matplotlib
WITH_HANGUL = ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic")


@cache
def families() -> list[str]:
    """The fonts for text in figures; each character is drawn in the first font that has it."""
    installed = set(get_font_names())
    return [OWN, *(name for name in WITH_HANGUL if name in installed)]


def drawable(text: str) -> bool:
    """Whether every character is in one of the fonts; others would be drawn as boxes."""
    fonts = [get_font(findfont(FontProperties(family=[family]))) for family in families()]
    return all(any(font.get_char_index(ord(letter)) for font in fonts) for letter in text)

"""Which words a picture can show: matplotlib's own font has no Hangul, and not every machine has one that does."""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font, get_font_names

OWN = "DejaVu Sans"  # comes with matplotlib
WITH_HANGUL = ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic")


@cache
def families() -> list[str]:
    """The fonts that words are drawn in: the first that has a letter draws it."""
    installed = set(get_font_names())
    return [OWN, *(name for name in WITH_HANGUL if name in installed)]


def drawable(text: str) -> bool:
    """Whether some font has every letter, or else boxes would stand in the picture."""
    fonts = [get_font(findfont(FontProperties(family=[family]))) for family in families()]
    return all(any(font.get_char_index(ord(letter)) for font in fonts) for letter in text)

"""Both languages say the same things, all of which are said somewhere, and nothing is said that is not there."""

import re
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import multiskin.serve
from multiskin.schema import LANGUAGES
from multiskin.serve.accounts import CredentialsError, TooManyAttempts
from multiskin.serve.history import SEXES, HistoryError
from multiskin.serve.quality import SMALL, TINY, Quality
from multiskin.serve.texts import preferred, words

SERVE = Path(multiskin.serve.__file__).parent
SOURCES = [path for kind in ("*.py", "*.jinja") for path in SERVE.rglob(kind)]
SAID = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
ALL = Quality(lightness=0, clipped=1, sharpness=0, resolution=0, skin=0), Quality(99, 0, 0, (SMALL + TINY) / 2, 1)
GATE = {code for quality in ALL for code in (*quality.faults(), *quality.fine_faults())}

# What is looked up by a word that comes from elsewhere.
BY_WORD = {
    "band": {str(band) for band in range(5)},
    "why": {*GATE, "part"},
    "note": {*GATE, "no_face"},
    "refused": set(re.findall(r'UploadError\("(\w+)"', (SERVE / "uploads.py").read_text())),
    "problem": {CredentialsError.code, TooManyAttempts.code, *(kind.code for kind in HistoryError.__subclasses__())},
    "sex": set(SEXES),
}
PARTS = "part"  # what data call parts of a face, as far as we know them


def test_both_languages_have_the_same_keys_with_the_same_blanks():
    english, korean = (words(language).sentences for language in LANGUAGES)
    assert english.keys() == korean.keys()
    for key in english:
        blanks = [sorted(name for _, name, _, _ in Formatter().parse(text[key]) if name) for text in (english, korean)]
        assert blanks[0] == blanks[1], key


def test_korean_sentences_are_korean():
    for key, sentence in words("ko").sentences.items():
        if key != "page.name":
            assert re.search("[가-힣]", sentence) or key == "result.of", key


@pytest.mark.parametrize("group", BY_WORD)
def test_every_word_from_elsewhere_has_its_sentence(group):
    known = {key.partition(".")[2] for key in words("en").sentences if key.startswith(f"{group}.")}
    assert known == BY_WORD[group]


def test_every_key_is_said_and_every_said_key_is_there():
    named = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", SAID))
    keys = words("en").sentences.keys()
    groups = {key.partition(".")[0] for key in keys}
    of_states = {"training.drawing", "training.learning"}  # of a progress
    fixed = {key for key in keys if key.partition(".")[0] not in {*BY_WORD, PARTS}}
    assert fixed - named == of_states
    files = (".jinja", ".yaml", ".css", ".js", ".db")
    said = {name for name in named if name.partition(".")[0] in groups and not name.endswith(files)}
    assert said - keys == set()


def test_blanks_are_filled_and_unknown_words_stand_for_themselves():
    assert words("en")("past.years", age=34) == "34 years"
    assert words("ko").of("part", "left_elbow") == "left elbow"
    assert words("xx").language == "en"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-GB,ko;q=0.9", "en"),
        ("fr,de;q=0.9,ko;q=0.2", "ko"),
        ("en;q=0.1,ko;q=0.2", "ko"),
        ("ko;q=0,en;q=0.1", "en"),
        ("fr", None),
        ("", None),
        ("*", None),
        ("ko;q=x", None),
    ],
)
def test_the_browsers_favourite_is_spoken(accepted, language):
    for default in LANGUAGES:
        assert preferred(accepted, default) == (language or default)


@given(st.text(max_size=60))
def test_whatever_a_browser_says_some_language_is_spoken(accepted):
    assert preferred(accepted) in LANGUAGES

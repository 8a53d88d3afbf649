"""The smaller parts of the page: its head, the photos at hand, examples, messages, and the training."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from multiskin.data.images import read_image
from multiskin.explain.photos import scaled
from multiskin.serve.default_model import Progress
from multiskin.serve.examples import Example
from multiskin.serve.page.templates import render
from multiskin.serve.pictures import photo_uri
from multiskin.serve.report import Photo
from multiskin.serve.sessions import Session
from multiskin.serve.texts import Words

THUMBNAIL = 160  # pixels of the longer side


def show_head(session: Session, tab: str, words: Words) -> str:
    return render("head", words, name=session.name, member=session.account_id is not None, tab=tab)


def show_foot(words: Words) -> str:
    return render("foot", words)


def show_message(text: str, kind: str, words: Words) -> str:
    """A sentence that is read out when it appears; nothing for an empty one.

    Args:
        text: the sentence.
        kind: error, or done.
        words: of the page.
    """
    return render("message", words, text=text, kind=kind)


def show_hint(tab: str, words: Words) -> str:
    """To guests, who can save nothing."""
    return render("hint", words, tab=tab)


def show_invitation(tab: str, words: Words) -> str:
    """To guests, what they could see with an account."""
    return render("invitation", words, tab=tab)


def show_account(words: Words) -> str:
    """To members, what they can do with their account elsewhere."""
    return render("account", words)


def show_tray(photos: Sequence[Photo], words: Words) -> str:
    """The photos of one person that are at hand, each to be taken away again."""
    views = [
        (photo_uri(scaled(photo.pixels, THUMBNAIL)), words.of("part", photo.part) if photo.part else "")
        for photo in photos
    ]
    return render("tray", words, photos=views)


def show_examples(examples: Iterable[Example], several: bool, words: Words) -> str:
    """Pictures to choose from: each by itself, or all of one person."""
    persons: dict[int, list[tuple[int, str, str]]] = {}
    for number, example in enumerate(examples):
        persons.setdefault(example.person, []).append(
            (number, example_uri(example.path), words.of("part", example.part))
        )
    return render("examples", words, persons=persons, several=several)


@lru_cache(maxsize=64)
def example_uri(path: Path) -> str:
    return photo_uri(scaled(read_image(path), THUMBNAIL))


def show_training(progress: Progress, offered: bool, words: Words) -> str:
    """What there is instead of a model: an offer to train one, or how far that is.

    Args:
        progress: of the training.
        offered: whether those who look may begin it.
        words: of the page.
    """
    return render("training", words, progress=progress, offered=offered, left=_left(progress.left, words))


def _left(left: timedelta | None, words: Words) -> str:
    if left is None:
        return ""
    minutes = round(left.total_seconds() / 60)
    return words("training.minutes", minutes=minutes) if minutes else words("training.under_a_minute")

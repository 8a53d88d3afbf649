"""The smaller panels of the page: header, footer, messages, current photos, examples and training."""

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
    """A message that screen readers announce; an empty text shows nothing.

    Args:
        text: the message.
        kind: error or done.
        words: the texts of the page.
    """
    return render("message", words, text=text, kind=kind)


def show_hint(tab: str, words: Words) -> str:
    """A hint for guests that saving takes an account."""
    return render("hint", words, tab=tab)


def show_invitation(tab: str, words: Words) -> str:
    """What an account offers, for guests."""
    return render("invitation", words, tab=tab)


def show_account(words: Words) -> str:
    """A link to the page for changing the password, for members."""
    return render("account", words)


def show_tray(photos: Sequence[Photo], words: Words) -> str:
    """The current photos of one person, each with a button to remove it."""
    views = [
        (photo_uri(scaled(photo.pixels, THUMBNAIL)), words.of("part", photo.part) if photo.part else "")
        for photo in photos
    ]
    return render("tray", words, photos=views)


def show_examples(examples: Iterable[Example], several: bool, words: Words) -> str:
    """Example pictures to choose from, one by one or all of a person at once."""
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
    """What is shown while there is no model: an offer to train one, or the progress of the training.

    Args:
        progress: the progress of the training.
        offered: whether the visitor may start and stop it.
        words: the texts of the page.
    """
    return render("training", words, progress=progress, offered=offered, left=_left(progress.left, words))


def _left(left: timedelta | None, words: Words) -> str:
    if left is None:
        return ""
    minutes = round(left.total_seconds() / 60)
    return words("training.minutes", minutes=minutes) if minutes else words("training.under_a_minute")

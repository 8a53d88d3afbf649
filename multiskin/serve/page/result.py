"""A report as HTML: a card for each attribute, and maps on the photos."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.colors import to_hex

from multiskin.derived import Derived
from multiskin.explain.overlays import EVIDENCE
from multiskin.explain.scales import finds_nothing, natural_scale
from multiskin.schema import Attribute, Schema
from multiskin.serve.advice import Advice
from multiskin.serve.page.templates import render
from multiskin.serve.pictures import EXPLAINED, map_uri, photo_uri
from multiskin.serve.report import AttributeReport, PhotoReport, Report
from multiskin.serve.texts import Words

BANDS = 5  # words for the position of a score in its range, whatever the number of grades
FAINT = 0.1  # of the full colour: less is invisible on skin
RAMP = (0.15, 0.3, 0.5, 0.75, 1.0)  # strengths whose colours the legend shows


class Bar(NamedTuple):
    """The probability of a grade, as a bar.

    Attributes:
        label: the label of the grade.
        percent: its probability in percent.
        height: the height in percent of the likeliest grade's bar.
        chosen: whether it is the predicted grade.
    """

    label: str
    percent: int
    height: int
    chosen: bool


class Card(NamedTuple):
    """The result for one attribute; everything from `grade` on is blank if the attribute does not apply."""

    name: str
    title: str
    applies: bool
    most: int
    reasons: str = ""  # why it does not apply
    grade: str = ""
    score: float | None = None
    band: str = ""
    meaning: str = ""
    spoken: str = ""
    bars: Sequence[Bar] = ()
    confidence: str = ""
    likely: str = ""  # the conformal set of grades, in words
    counted: str = ""
    advice: str = ""


class Stack(NamedTuple):
    """A photo overlaid with one head's map."""

    head: int
    photo: int
    title: str
    part: str
    words: str
    spoken: str
    map: str  # data URI; "" if there is nothing to see
    width: int
    height: int


def show_report(report: Report | None, advice: Advice, words: Words) -> str:
    """The report as HTML, with advice on its grades; instructions if there is none yet."""
    if report is None:
        return render("result", words, cards=[])
    schema = Schema(tuple(each.attribute for each in report.attributes))
    cards = [_card(each, len(report.photos), advice, words) for each in report.attributes]
    return render(
        "result",
        words,
        cards=cards,
        derived=[_derived(*each, words) for each in report.derived],
        count=len(report.photos),
        first=max(range(len(schema)), key=lambda h: max(_strength(photo, schema, h) for photo in report.photos)),
        photos=";".join(f"--ms-photo-{i}: url({photo_uri(photo.pixels)})" for i, photo in enumerate(report.photos)),
        stacks=[
            _stack(h, i, photo, schema, words) for h in range(len(schema)) for i, photo in enumerate(report.photos)
        ],
        notices=list(_notices(report.photos, words)),
        ramp=", ".join(_ramp()),
        legend=_legend(schema, words),
    )


def _derived(derived: Derived, label: str | None, words: Words) -> tuple[str, str]:
    """The title of a derived label, and the label in words; "" if a grade is missing."""
    return derived.title(words.language), "" if label is None else derived.words(label, words.language)


def _card(found: AttributeReport, photos: int, advice: Advice, words: Words) -> Card:
    attribute = found.attribute
    card = Card(attribute.name, attribute.title(words.language), found.applies, attribute.grades - 1)
    if found.grade is None or found.probabilities is None:
        return card._replace(reasons=reasons(found.why_not, words))
    percents = [round(100 * share) for share in found.probabilities]
    return card._replace(
        grade=attribute.grade_label(found.grade),
        score=found.score,
        band="" if found.score is None else words(f"band.{band_of(found.score, attribute.grades)}"),
        meaning=meaning(attribute, found.grade if found.score is None else round(found.score), words),
        spoken="; ".join(f"{attribute.grade_label(k)}: {percent} %" for k, percent in enumerate(percents)),
        bars=[
            Bar(attribute.grade_label(k), percent, round(100 * percent / max(percents)), k == found.grade)
            for k, percent in enumerate(percents)
        ],
        confidence=words(
            "result.named_confidence" if attribute.grade_names else "result.confidence",
            grade=attribute.grade_label(found.grade),
            percent=percents[found.grade],
        ),
        likely=_likely(found, words),
        counted=words("result.counted", count=len(found.counted), all=photos) if photos > 1 else "",
        advice=advice.of(attribute.name, found.grade, attribute.grades).get(words.language, ""),
    )


def _likely(found: AttributeReport, words: Words) -> str:
    """The conformal set of grades in words; "" if there is none, or if it has a single grade."""
    grades = found.likely or ()
    if len(grades) < 2:
        return ""
    labels = [found.attribute.grade_label(grade) for grade in grades]
    if len(grades) == found.attribute.grades:
        return words("result.any_grade")
    if found.attribute.ordinal:
        return words("result.likely_between", lowest=labels[0], highest=labels[-1])
    return words("result.likely_among", grades=", ".join(labels))


def band_of(score: float, grades: int) -> int:
    """The fifth of its range, 0..4, in which an expected grade lies."""
    return min(int(BANDS * score / (grades - 1)), BANDS - 1)


def meaning(attribute: Attribute, grade: int, words: Words) -> str:
    """What a grade means, according to the schema, or else what the lowest and highest grades mean; "" if unknown."""
    language = words.language
    lowest, highest = (text.get(language) or text.get("en") for text in (attribute.lowest, attribute.highest))
    if own := attribute.meaning(grade, language):
        return own
    if not (attribute.ordinal and lowest and highest):
        return ""
    first, last = attribute.grade_label(0), attribute.grade_label(attribute.grades - 1)
    return words("result.between", first=first, lowest=lowest, last=last, highest=highest)


def reasons(codes: Sequence[str], words: Words) -> str:
    """Why an attribute does not apply, from code words."""
    return ", ".join(words.of("why", code) for code in codes)


def _stack(head: int, number: int, photo: PhotoReport, schema: Schema, words: Words) -> Stack:
    attribute = schema.attributes[head]
    found, strength = photo.maps.get(attribute.name), _strength(photo, schema, head)
    layer = map_uri(found, schema, photo.pixels.shape) if found is not None and strength else ""
    if found is None:
        said = words("maps.not_here")
    else:
        said = words("maps.no_evidence") if not strength else words("maps.faint") if strength < FAINT else ""
    title = attribute.title(words.language)
    part = words.of("part", photo.part) if photo.part else ""
    spoken = words("maps.spoken", title=title, photo=number + 1, said=said)
    height, width = photo.pixels.shape[:2]
    return Stack(head, number, title, part, said, spoken, layer, width, height)


def _strength(photo: PhotoReport, schema: Schema, head: int) -> float:
    """The maximum of a map, in units of the full colour; 0 if there is nothing to show."""
    attribute = schema.attributes[head]
    found = photo.maps.get(attribute.name)
    if found is None or finds_nothing(EXPLAINED, attribute, found.grade):
        return 0.0
    return max(float(found.map.max()), 0.0) / natural_scale(EXPLAINED, attribute, schema).full


def _notices(photos: Sequence[PhotoReport], words: Words) -> Iterator[str]:
    """Quality problems, photo by photo if there are several."""
    for number, photo in enumerate(photos, start=1):
        if photo.notes:
            found = " ".join(words.of("note", code) for code in photo.notes)
            yield words("result.photo_notice", number=number, found=found) if len(photos) > 1 else found


def _ramp() -> Iterator[str]:
    """The overlay's colours as CSS, with the same transparency as on a photo."""
    yield "transparent"
    for strength in RAMP:
        colour = mpl.colormaps[EVIDENCE.name](EVIDENCE.zero + (1 - EVIDENCE.zero) * strength, alpha=strength)
        yield to_hex(colour, keep_alpha=True)


def _legend(schema: Schema, words: Words) -> str:
    """What the full colour stands for: a number of grades, or just "much" if heads differ in unit."""
    scales: Mapping[str, float] = dict(natural_scale(EXPLAINED, each, schema) for each in schema)
    if set(scales) == {"grades"}:
        return words("maps.full", grades=f"{scales['grades']:g}")
    return words("maps.much")

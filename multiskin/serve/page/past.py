"""The history as HTML: a curve for each attribute, a table, and the comparison of two dates."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from multiskin.data.images import decode_image
from multiskin.derived import Derived
from multiskin.explain.photos import scaled
from multiskin.schema import Attribute, Schema
from multiskin.serve.advice import Advice
from multiskin.serve.history import Point
from multiskin.serve.page.templates import render
from multiskin.serve.pictures import photo_uri
from multiskin.serve.store import KeptPhoto, Result
from multiskin.serve.texts import Words

WIDTH, HEIGHT = 300, 120  # of a curve, in SVG units
LEFT, EDGE = 22, 10  # margin for the grade numbers, and margin around the points
THUMBNAIL = 320  # pixels of the longer side of a saved photo


class Dot(NamedTuple):
    x: float
    y: float
    words: str


class Curve(NamedTuple):
    """How the score of one attribute changed over time."""

    title: str
    stretches: Sequence[Sequence[Dot]]  # one per model, since scores of different models are not comparable
    lines: Sequence[tuple[float, int]]  # y and number of each grade
    latest: str
    change: str


def show_past(
    results: Sequence[Result],
    trend: Mapping[str, Sequence[Point]],
    schema: Schema | None,
    advice: Advice,
    words: Words,
) -> str:
    """All saved results, newest first, with advice on the newest, as HTML."""
    most = _highest_grades(results)
    names = list(dict.fromkeys(name for result in results for name in _by_name(result)))
    following = list(dict.fromkeys(name for result in results for name in _labels(result)))
    curves = [
        _curve(_title(name, schema, words), points, most.get(name, 1))
        for name, all_points in trend.items()
        if (points := [(when, score, model) for when, score, _, model in all_points if score is not None])
    ]
    return render(
        "past",
        words,
        curves=curves,
        broken=any(len(curve.stretches) > 1 for curve in curves),
        titles=[_title(name, schema, words) for name in (*following, *names)],
        rows=[
            (
                result.id,
                moment(result.when),
                _about(result, words),
                [_label(result, name, schema, words) for name in following] + _cells(result, names, schema),
            )
            for result in results
        ],
        advice=_advice(results[0], schema, advice, words) if results else [],
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
    )


def _by_name(result: Result) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in result.report["attributes"]}


def _labels(result: Result) -> dict[str, str | None]:
    """The labels derived from a result's grades, by name."""
    return result.report.get("derived", {})


def _advice(result: Result, schema: Schema | None, advice: Advice, words: Words) -> list[tuple[str, str]]:
    """Titles of attributes, each with the advice on its grade."""
    said = advice.on(result.report)
    return [(_title(name, schema, words), text[words.language]) for name, text in said.items()]


def _highest_grades(results: Sequence[Result]) -> dict[str, int]:
    """The highest grade of each attribute in any result; models may differ, but share one curve."""
    highest: dict[str, int] = {}
    for each in (each for result in results for each in result.report["attributes"] if each["probabilities"]):
        highest[each["name"]] = max(highest.get(each["name"], 0), len(each["probabilities"]) - 1)
    return highest


def _title(name: str, schema: Schema | None, words: Words) -> str:
    known = _attribute(name, schema) or _derived(name, schema)
    return name.replace("_", " ") if known is None else known.title(words.language)


def _derived(name: str, schema: Schema | None) -> Derived | None:
    return next((each for each in schema.derived if each.name == name), None) if schema is not None else None


def _attribute(name: str, schema: Schema | None) -> Attribute | None:
    """The attribute in the current model's schema; None if a result's model had attributes that this one lacks."""
    return schema[name] if schema is not None and name in schema.names else None


def moment(when: datetime) -> str:
    """A time in this machine's time zone."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def _curve(title: str, points: Sequence[tuple[datetime, float, str]], most: int) -> Curve:
    first, last = points[0][0], points[-1][0]
    span = (last - first).total_seconds()

    def x(when: datetime) -> float:
        share = (when - first).total_seconds() / span if span else 0.5
        return round(LEFT + EDGE + share * (WIDTH - LEFT - 2 * EDGE), 1)

    def y(score: float) -> float:
        return round(HEIGHT - EDGE - score / most * (HEIGHT - 2 * EDGE), 1)

    by_model = [list(stretch) for _, stretch in groupby(points, itemgetter(2))]
    scores = [score for _, score, _ in by_model[-1]]
    return Curve(
        title,
        [[Dot(x(when), y(score), f"{moment(when)}: {score:.1f}") for when, score, _ in each] for each in by_model],
        [(y(grade), grade) for grade in range(most + 1)],
        f"{scores[-1]:.1f}",
        _signed(scores[-1] - scores[0]) if len(scores) > 1 else "",
    )


def _signed(change: float) -> str:
    return "±0.0" if abs(change) < 0.05 else f"{change:+.1f}".replace("-", "−")


def _about(result: Result, words: Words) -> str:
    age = [words("past.years", age=result.age)] if result.age is not None else []
    return ", ".join([*age, *([words.of("sex", result.sex)] if result.sex else [])])


def _cells(result: Result, names: Sequence[str], schema: Schema | None) -> list[str]:
    found = _by_name(result)
    return [_cell(found.get(name), schema) for name in names]


def _cell(entry: Mapping[str, Any] | None, schema: Schema | None) -> str:
    """The score, or the grade for nominal attributes; a dash if there is neither."""
    if entry is None or entry["grade"] is None:
        return "–"
    if entry["score"] is not None:
        return f"{entry['score']:.1f}"
    known, grade = _attribute(entry["name"], schema), entry["grade"]
    return str(grade) if known is None or grade >= known.grades else known.grade_label(grade)


def _label(result: Result, name: str, schema: Schema | None, words: Words) -> str:
    """A derived label of a result; a dash if it is unknown."""
    label, known = _labels(result).get(name), _derived(name, schema)
    if label is None:
        return "–"
    return label.replace("_", " ") if known is None else known.words(label, words.language)


def show_comparison(sides: Sequence[tuple[Result, Sequence[KeptPhoto]]], schema: Schema | None, words: Words) -> str:
    """Two results side by side, with their saved photos and the changes from the first to the second."""
    (first, _), (second, _) = sides
    before, after = _by_name(first), _by_name(second)
    labels = [
        (_title(name, schema, words), *(_label(result, name, schema, words) for result in (first, second)), "")
        for name in _labels(second)
    ]
    scores = [
        (
            _title(name, schema, words),
            _cell(before.get(name), schema),
            _cell(entry, schema),
            _change(before.get(name), entry) if first.model == second.model else "",
        )
        for name, entry in after.items()
    ]
    columns = [(moment(result.when), [photo_uri(_small(photo.jpeg)) for photo in photos]) for result, photos in sides]
    return render("comparison", words, rows=labels + scores, columns=columns, two_models=first.model != second.model)


def _small(jpeg: bytes) -> np.ndarray:
    return scaled(decode_image(BytesIO(jpeg), "kept photo"), THUMBNAIL)


def _change(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    if before is None or before["score"] is None or after["score"] is None:
        return ""
    return _signed(after["score"] - before["score"])

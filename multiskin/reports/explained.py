"""A photo beside maps of where one or more models see each attribute in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from multiskin.explain.geometry import on_photo
from multiskin.explain.localisation import energy_inside
from multiskin.explain.overlays import EVIDENCE, Colours, overlay
from multiskin.explain.photos import ExplainedPhoto, HeadExplanation
from multiskin.explain.scales import Scale, ScaleRule, finds_nothing, natural_scale, shared
from multiskin.reports.figures import drawable_text
from multiskin.reports.formats import percent
from multiskin.reports.sheets import View
from multiskin.schema import Attribute, Schema

MOST_COLUMNS = 3


@dataclass(frozen=True)
class Look:
    """How maps are shown.

    Attributes:
        schema: the first model's heads.
        models: the name of each model.
        explained: the quantity explained for each head, as read by `parse_scalar`.
        rule: how the value shown in full colour is chosen.
        colours: the colours of the overlay.
    """

    schema: Schema
    models: Sequence[str]
    explained: str = "score"
    rule: ScaleRule = shared
    colours: Colours = EVIDENCE


def overlaid(photo: ExplainedPhoto, name: str, look: Look) -> np.ndarray:
    """A photo explained by one model, with one head's map on it: (h, w, 3) uint8."""
    [view] = _head_views(photo, name, look)
    return view.picture


def one_model(
    photo: ExplainedPhoto, title: str, heads: Sequence[str], true: Mapping[str, int], look: Look
) -> list[list[View]]:
    """Rows of views: the photo, and then every head's map on it.

    Args:
        photo: a photo explained by one model.
        title: the photo's title.
        heads: the attributes to show.
        true: the true grade by attribute, where it is known.
        look: how maps are shown.
    """
    views = [View(title, [], photo.pixels)]
    for name in heads:
        [view] = _head_views(photo, name, look)
        views.append(view._replace(title=_title(name, look), words=[*_true_words(name, true, look), *view.words]))
    return [views[start : start + MOST_COLUMNS] for start in range(0, len(views), MOST_COLUMNS)]


def several_models(
    photo: ExplainedPhoto, heads: Sequence[str], true: Mapping[str, int], look: Look
) -> list[list[View]]:
    """A row of views for every head: the photo, and each model's map on it; arguments as for one_model."""
    titles = [drawable_text(model, f"model {number}") for number, model in enumerate(look.models, start=1)]
    rows = []
    for name in heads:
        views = _head_views(photo, name, look)
        of_models = [view._replace(title=title) for view, title in zip(views, titles, strict=True)]
        rows.append([View(_title(name, look), _true_words(name, true, look), photo.pixels), *of_models])
    return rows


def _title(name: str, look: Look) -> str:
    return drawable_text(look.schema[name].title(), f"attribute {look.schema.index(name) + 1}")


def _true_words(name: str, true: Mapping[str, int], look: Look) -> list[str]:
    return [f"true grade {_grade_words(look.schema[name], true[name])}"] if name in true else []


def _grade_words(attribute: Attribute, grade: int) -> str:
    return drawable_text(attribute.grade_label(grade), str(grade))


def _head_views(photo: ExplainedPhoto, name: str, look: Look) -> list[View]:
    """Each model's map for one head, all on one scale."""
    heads = [by_name[name] for by_name in photo.explanations]
    evidence = [_evidence(photo, head, look) for head in heads]
    natural = natural_scale(look.explained, heads[0].attribute, look.schema)
    scale = look.rule(natural, [look.colours.shown(each.values) for each in evidence])
    return [_head_view(photo, head, each, scale, look) for head, each in zip(heads, evidence, strict=True)]


class Evidence(NamedTuple):
    """The part of one head's map that is drawn.

    Attributes:
        values: (h, w) for the photo's pixels, 0 where nothing is drawn.
        words: lines of text on what was cut off.
    """

    values: np.ndarray
    words: list[str]


def _evidence(photo: ExplainedPhoto, head: HeadExplanation, look: Look) -> Evidence:
    """A head's map, restricted to skin if a skin mask was computed and is not empty."""
    values = _values(photo, head, look)
    if photo.skin is None:
        return Evidence(values, [])
    skin = photo.skin.with_lips if head.attribute.lips else photo.skin.bare
    if not skin.any():
        return Evidence(values, ["no skin found"])
    outside = [f"{percent(_share_outside(values, skin))} outside skin"] if values.max() > 0 else []
    return Evidence(values * skin, outside)


def _values(photo: ExplainedPhoto, head: HeadExplanation, look: Look) -> np.ndarray:
    """The map (h, w), 0 outside the network's field of view, and everywhere if the head finds nothing."""
    height, width = photo.pixels.shape[:2]
    if _nothing(head, look):
        return np.zeros((height, width), np.float32)
    return np.nan_to_num(on_photo(head.map, head.region, height, width))


def _share_outside(values: np.ndarray, skin: np.ndarray) -> float:
    """The share of the positive evidence (h, w) that lies outside the skin (h, w)."""
    return float(energy_inside(values[None], 1 - skin[None])[0])


def _head_view(photo: ExplainedPhoto, head: HeadExplanation, evidence: Evidence, scale: Scale, look: Look) -> View:
    picture = overlay(photo.pixels, evidence.values, scale.full, colours=look.colours)
    coloured = None if _nothing(head, look) else scale
    return View("", [*_words(head, look), *evidence.words], picture, head.region.seen, coloured)


def _words(head: HeadExplanation, look: Look) -> list[str]:
    expected = f", expected {head.score:.1f}" if head.attribute.ordinal else ""
    explained = [] if look.explained == "score" else [f"{look.explained}: {head.value:.2f}"]
    nothing = ["no evidence"] if _nothing(head, look) else []
    return [f"grade {_grade_words(head.attribute, head.grade)}{expected}", *explained, *nothing]


def _nothing(head: HeadExplanation, look: Look) -> bool:
    return finds_nothing(look.explained, head.attribute, head.grade)

"""A photo beside where one or more models see each attribute in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from multiskin.explain.geometry import on_photo
from multiskin.explain.localisation import energy_inside
from multiskin.explain.overlays import EVIDENCE, Colours, overlay
from multiskin.explain.photos import ExplainedPhoto, HeadExplanation
from multiskin.explain.scales import Scale, ScaleRule, finds_nothing, natural_scale, shared
from multiskin.reports.figures import drawn_words
from multiskin.reports.formats import percent
from multiskin.reports.sheets import View
from multiskin.schema import Schema

MOST_COLUMNS = 3


@dataclass(frozen=True)
class Look:
    """What is shown of maps, and how.

    Attributes:
        schema: the first model's.
        models: what each model is called.
        explained: the word for what is explained of each head, as `parse_scalar` reads it.
        rule: for what the full colour stands for.
        colours: of the overlay.
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
    photo: ExplainedPhoto, title: str, heads: Sequence[str], true: Mapping[str, str], look: Look
) -> list[list[View]]:
    """Rows of views: the photo, and then every head's map on it.

    Args:
        photo: explained by one model.
        title: of the photo.
        heads: the attributes shown.
        true: what the true grade is called, by attribute, where it is known.
        look: how maps are shown.
    """
    views = [View(title, [], photo.pixels)]
    for name in heads:
        [view] = _head_views(photo, name, look)
        views.append(view._replace(title=_title(name, look), words=[*_true_words(name, true), *view.words]))
    return [views[start : start + MOST_COLUMNS] for start in range(0, len(views), MOST_COLUMNS)]


def several_models(
    photo: ExplainedPhoto, heads: Sequence[str], true: Mapping[str, str], look: Look
) -> list[list[View]]:
    """A row of views for every head: the photo, and each model's map on it; arguments as for one model."""
    rows = []
    for name in heads:
        of_models = [
            view._replace(title=model) for view, model in zip(_head_views(photo, name, look), look.models, strict=True)
        ]
        rows.append([View(_title(name, look), _true_words(name, true), photo.pixels), *of_models])
    return rows


def _title(name: str, look: Look) -> str:
    return drawn_words(look.schema[name].title(), f"attribute {look.schema.index(name) + 1}")


def _true_words(name: str, true: Mapping[str, str]) -> list[str]:
    return [f"true grade {true[name]}"] if name in true else []


def _head_views(photo: ExplainedPhoto, name: str, look: Look) -> list[View]:
    """What each model says of one head, all on one scale."""
    heads = [by_name[name] for by_name in photo.explanations]
    natural = natural_scale(look.explained, heads[0].attribute, look.schema)
    scale = look.rule(natural, [look.colours.shown(head.map) for head in heads if not _nothing(head, look)])
    return [_head_view(photo, head, look, natural if _nothing(head, look) else scale) for head in heads]


def _nothing(head: HeadExplanation, look: Look) -> bool:
    return finds_nothing(look.explained, head.attribute, head.grade)


def _head_view(photo: ExplainedPhoto, head: HeadExplanation, look: Look, scale: Scale) -> View:
    values = on_photo(head.map, head.region, *photo.pixels.shape[:2])
    words = _words(head, look)
    if photo.skin is not None:
        skin = photo.skin.with_lips if head.attribute.lips else photo.skin.bare
        words += [] if _nothing(head, look) else [f"{percent(_share_outside(values, skin))} outside skin"]
        values = values * skin
    picture = overlay(photo.pixels, values, scale.full, colours=look.colours)
    return View("", words, picture, head.region.seen, scale)


def _share_outside(values: np.ndarray, skin: np.ndarray) -> float:
    """How much of what speaks for more (h, w), NaN where nothing is seen, is not on skin (h, w)."""
    return float(energy_inside(np.nan_to_num(values)[None], 1 - skin[None])[0])


def _words(head: HeadExplanation, look: Look) -> list[str]:
    label = drawn_words(head.attribute.grade_label(head.grade), str(head.grade))
    expected = f", expected {head.score:.1f}" if head.attribute.ordinal else ""
    explained = [] if look.explained == "score" else [f"{look.explained}: {head.value:.2f}"]
    return [f"grade {label}{expected}", *explained, *(["no evidence"] if _nothing(head, look) else [])]

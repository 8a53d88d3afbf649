"""The model card for the Hugging Face hub: description, usage, results, intended use and limits."""

import re
from collections.abc import Mapping
from typing import Any

from multiskin.conformal.prediction import ConformalSets
from multiskin.models.blueprint import Blueprint
from multiskin.portable.card import DISCLAIMER
from multiskin.schema import Attribute

METRICS = {  # of a head: key in metrics.json -> name and format
    "n": ("photos", "{:.0f}"),
    "p_recall": ("P-Recall", "{:.2f}"),
    "kappa": ("quadratic kappa", "{:.2f}"),
    "mae": ("mean absolute error", "{:.2f} grades"),
    "macro_recall": ("recall averaged over grades", "{:.2f}"),
}
SIDES = {"val": "validation", "test": "test"}
FRONT = """---
library_name: multiskin
pipeline_tag: image-classification
tags: [skin, ordinal, multi-task]
---
"""
USE = """```python
from multiskin.inference.predictor import Predictor

predictor = Predictor.from_pretrained("path/to/this/folder")  # or owner/name on the hub
for result in predictor.predict_files(["face.jpg"]):
    print(result.path, result.prediction or result.error)
```"""
SETS = "Sets of grades are fitted to contain the true grade {:.0%} of the time, on average over subjects."
INTENDED = """The model grades photos like those it was trained on, of people who have consented to this, for research
and cosmetic advice. It does not diagnose, and must not be used to decide on treatment or anything else about a
person."""
LIMITS = """- Grades with few training photos are learned poorly; the number of photos of each grade is listed above.
- Photos with other cameras, light, ages or skin tones than in training may be graded less well; evaluate the model
  before you rely on it: `multiskin test` with your own table.
- Grades imitate those of the raters of the training photos, including their biases and disagreements."""


def model_card(blueprint: Blueprint, metrics: Mapping[str, Any], conformal: ConformalSets | None) -> str:
    """The model card in Markdown, with the hub's metadata in front.

    Args:
        blueprint: what the network was built from.
        metrics: the content of a run's metrics.json; empty if there are no results.
        conformal: the model's sets of grades, if any.
    """
    counts = zip(blueprint.schema, blueprint.counts, strict=True)
    measured = [line for side, words in SIDES.items() if side in metrics for line in _measured(metrics[side], words)]
    sets = [] if conformal is None else [SETS.format(conformal.coverage)]
    sections = {
        f"multiskin: {_plain(', '.join(each.title() for each in blueprint.schema))}": [
            f"One network ({blueprint.model.backbone}, {blueprint.model.input_size} pixels) grades in a photo:",
            "\n".join(_described(attribute, count) for attribute, count in counts),
        ],
        "Use": [USE],
        "Results": [*(["\n".join(measured)] if measured else ["None yet."]), *sets],
        "Intended use": [INTENDED],
        "Limits": [LIMITS, f"**{DISCLAIMER}**"],
    }
    parts = [
        f"{'##' if number else '#'} {title}\n\n" + "\n\n".join(text)
        for number, (title, text) in enumerate(sections.items())
    ]
    return FRONT + "\n" + "\n\n".join(parts) + "\n"


def _described(attribute: Attribute, counts: tuple[int, ...]) -> str:
    kind = "ordered grades" if attribute.ordinal else "kinds"
    ends = [words.get("en", "") for words in (attribute.lowest, attribute.highest)]
    scale = f", from {ends[0]} to {ends[1]}" if all(ends) else ""
    words = (
        f"{attribute.title()}, {attribute.grades} {kind}{scale}; training photos of each: {', '.join(map(str, counts))}"
    )
    return f"- **{attribute.name}**: {_plain(words)}"


def _measured(result: Mapping[str, Any], side: str) -> list[str]:
    """One line per head."""
    return [f"- {side}, **{name}**: {_numbers(of_head)}" for name, of_head in result["heads"].items()]


def _numbers(of_head: Mapping[str, Any]) -> str:
    known = ((words, form, of_head.get(key)) for key, (words, form) in METRICS.items())
    return ", ".join(f"{words} {form.format(value)}" for words, form, value in known if value is not None)


def _plain(words: str) -> str:
    """A text from a schema on one line, with Markdown characters escaped."""
    return " ".join(re.sub(r"([\\*_`\[\]<>|#])", r"\\\1", words).split())

"""The tables of a comparison as Markdown, for a README."""

from collections.abc import Sequence

import numpy as np

from multiskin.compare.comparison import Comparison
from multiskin.compare.words import DECIMALS, DISTILLED, FLATTERED, caveat, plural
from multiskin.reports.comparison_lines import (
    Line,
    difference,
    judging_interval,
    largest,
    limits,
    lines_of,
    results_of,
    rows,
    shown_summary,
    subjects_phrase,
    titles_of,
    without_seed_spread,
)
from multiskin.reports.comparison_missing import left_out_text, missing_markdown, no_cost_text
from multiskin.reports.formats import amount, magnitude, number, signed
from multiskin.reports.grade_counts import SIDE_TITLES
from multiskin.reports.markdown import markdown_table


def comparison_table_markdown(comparison: Comparison) -> str:
    """Both sides' scores and their difference for each head; below, what the intervals show, notes and costs."""
    lines = lines_of(comparison)
    told = shown_summary(results_of(comparison, lines), titles_of(comparison))
    parts = [_caption(comparison, lines), _scores(lines), told, _notes(lines), _costs(comparison)]
    return "\n\n".join(filter(None, parts)) + missing_markdown(comparison.missing) + "\n"


def _caption(comparison: Comparison, lines: Sequence[Line]) -> str:
    metrics = " and ".join(dict.fromkeys(line.metric for line in lines))
    photos = f"{comparison.photos} {SIDE_TITLES[comparison.side]} {plural(comparison.photos, 'photo')}"
    seeds = f"{plural(len(comparison.seeds), 'seed')} {', '.join(map(str, comparison.seeds))}"
    told = [
        f"{metrics} on {photos}{subjects_phrase(largest(lines))}; {seeds}; {_protocol(comparison)};",
        "95 % intervals of the difference.",
    ]
    if comparison.side != "test":
        told.append("Still being tuned on these photos.")
    if comparison.distilled:
        told.append(DISTILLED)
    if comparison.flattered:
        told.append(FLATTERED)
    if len(comparison.seeds) == 1:
        told.append("One seed, so exploratory.")
    return " ".join(filter(None, [*told, left_out_text(comparison.left_out), caveat(len(comparison.seeds))]))


def _protocol(comparison: Comparison) -> str:
    if comparison.equal_epochs:
        return comparison.protocol
    epochs = comparison.config["trainer"]["max_epochs"]
    told = f"{epochs} {plural(epochs, 'epoch')} of the shared model, {comparison.single_epochs} of each single model"
    return f"up to {told}" if comparison.may_stop_early else told


def _scores(lines: Sequence[Line]) -> str:
    heading = (
        *("attribute", "best constant", "second rater", "single", "shared", "difference", "these trained models"),
        *("the method", "detectable", "verdict"),
    )
    return markdown_table(heading, map(_score, lines))


def _notes(lines: Sequence[Line]) -> str:
    """Which intervals include no spread over seeds, and the multi-task gain."""
    alone = [line.title for line in lines if without_seed_spread(line.found)]
    gaining = [line for line in lines if line.is_mean and not np.isnan(line.found.gain_percent)]
    told = f"No spread over seeds detected, so the method's interval is that of these models: {', '.join(alone)}."
    notes = [told] * bool(alone)
    notes += [f"Multi-task gain, {line.metric}: {signed(line.found.gain_percent, 1)} %." for line in gaining]
    return " ".join(notes)


def _score(line: Line) -> list[str]:
    found = line.found
    values = (line.constant, line.second, found.baseline, found.candidate)
    return [
        line.title,
        *(number(value, DECIMALS) for value in values),
        difference(judging_interval(found)),
        limits(found.trained_low, found.trained_high),
        limits(found.method_low, found.method_high),
        magnitude(found.detectable, DECIMALS),
        found.verdict,
    ]


def _costs(comparison: Comparison) -> str:
    if comparison.cost.empty:
        return no_cost_text(comparison.no_cost)
    heading = ("cost", "device", "single models", "shared model", "ratio", "95 % interval")
    lines = (
        [
            row.quantity,
            row.device,
            _over_seeds(row.singles, row.singles_least, row.singles_most, row.unit),
            _over_seeds(row.shared, row.shared_least, row.shared_most, row.unit),
            number(row.ratio),
            limits(row.low, row.high, decimals=2),
        ]
        for row in rows(comparison.cost)
    )
    return markdown_table(heading, lines)


def _over_seeds(mean: float, least: float, most: float, unit: str) -> str:
    over = f" ({amount(least, unit)} to {amount(most, unit)})" if least < most else ""
    return f"{amount(mean, unit)}{over}"

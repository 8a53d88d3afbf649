"""The tables that a study writes, for a README and for other programs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from multiskin.compare.findings import Findings
from multiskin.compare.statistics import MEAN
from multiskin.compare.words import DECIMALS, FLATTERED, caveat, plural
from multiskin.metrics.bootstrap import Interval
from multiskin.reports.comparison_lines import JUDGED_BY, METRICS, difference, limits
from multiskin.reports.comparison_missing import missing_markdown, with_relative_paths
from multiskin.reports.formats import amount, number
from multiskin.reports.markdown import markdown_table
from multiskin.run import write_atomically, write_json

FILES = ("study.json", "table.md", "results.csv", "by_grade.csv", "costs.csv")  # what a study writes, its record first


def write_findings(findings: Findings, root: Path) -> Path:
    """Writes study.json, table.md, results.csv, by_grade.csv and costs.csv; returns the path of table.md.

    Args:
        findings: the results of a study.
        root: the study's folder.
    """
    findings = replace(
        findings, missing=with_relative_paths(findings.missing, root), lost=with_relative_paths(findings.lost, root)
    )
    study = findings.study
    write_json(
        root / "study.json",
        {
            "title": study.title,
            "baseline": study.baseline,
            "runs": findings.runs,
            "seeds": findings.seeds,
            "side": findings.side,
            "options": dict(study.options),
            "rows": {row: dict(options) for row, options in study.rows.items()},
            "missing": findings.missing,
        },
    )
    for name in ("results", "by_grade", "costs"):
        write_atomically(root / f"{name}.csv", getattr(findings, name).to_csv(index=False, float_format="%.6g"))
    table = root / "table.md"
    write_atomically(table, findings_markdown(findings))
    return table


def findings_markdown(findings: Findings) -> str:
    """Markdown tables by variant: costs and scores, differences from the baseline, and mean credit by true grade."""
    parts = [_caption(findings), _scores(findings), _lost(findings), _differences(findings)]
    return "\n\n".join([*filter(None, parts), *_by_grade(findings)]) + missing_markdown(findings.missing) + "\n"


def _caption(findings: Findings) -> str:
    number_of_seeds = len(findings.seeds)
    seeds = f"{plural(number_of_seeds, 'seed')} {', '.join(map(str, findings.seeds))}"
    one = "One seed, so exploratory: how much another training would differ is unknown." * (number_of_seeds == 1)
    side = "test" if findings.side == "test" else "validation"
    told = filter(None, [FLATTERED * findings.flattered, one, caveat(number_of_seeds)])
    return f"**{findings.study.title}** ({side} photos, {seeds}). {' '.join(told)}".rstrip()


def _judged(findings: Findings) -> pd.DataFrame:
    """The results by each head's main metric, the mean last if at least two ordinal heads have graded photos."""
    kinds = {attribute.name: attribute.kind for attribute in findings.schema} | {MEAN: "ordinal"}
    results = findings.results
    judged = results[results["metric"] == results["attribute"].map(kinds).map(JUDGED_BY)]
    graded = judged[judged["candidate"].notna() & (judged["attribute"].map(kinds) == "ordinal")]
    several = graded["attribute"].nunique() > 2  # one of them is the mean itself
    return judged if several else judged[judged["attribute"] != MEAN]


def _scores(findings: Findings) -> str:
    judged, best = _judged(findings), _best(_judged(findings))
    heading = ["", "parameters", "training", *_titles(findings)]
    lines = []
    for cost in findings.costs.to_dict("records"):
        of_row = judged[judged["row"] == cost["row"]]
        cells = [
            f"**{number(value, DECIMALS)}**" if value == best[attribute] else number(value, DECIMALS)
            for attribute, value in zip(of_row["attribute"], of_row["candidate"], strict=True)
        ]
        lines.append([cost["row"], amount(cost["parameters"], ""), amount(cost["seconds"], "s"), *cells])
    metrics = " and ".join(METRICS[metric] for metric in judged["metric"].unique())
    told = f"{metrics}, with the best of each column in bold; training is wall-clock time, a mean over seeds"
    return f"{told}:\n\n{markdown_table(heading, lines)}"


def _lost(findings: Findings) -> str:
    """Says why costs are unknown, which the table shows as dashes."""
    told = ", ".join(f"{row} ({reason})" for row, reason in findings.lost.items())
    return f"Unknown costs: {told}." if told else ""


def _best(judged: pd.DataFrame) -> pd.Series:
    return judged.groupby("attribute")["candidate"].max()


def _titles(findings: Findings) -> list[str]:
    titles = {attribute.name: attribute.title() for attribute in findings.schema}
    return [titles.get(name, name) for name in _judged(findings)["attribute"].unique()]


def _differences(findings: Findings) -> str:
    judged = _judged(findings)
    of = "method" if len(findings.seeds) > 1 else "trained"
    lines = []
    for row in findings.study.rows:
        if row != findings.study.baseline:
            of_row = judged[judged["row"] == row]
            columns = of_row["difference"], of_row[f"{of}_low"], of_row[f"{of}_high"]
            cells = (
                f"{difference(interval)} ({limits(interval.low, interval.high)})"
                for interval in map(Interval, *columns)
            )
            lines.append([row, *cells])
    whose = "the method's" if of == "method" else "these trained models'"
    heading = f"Difference from {findings.study.baseline}, with {whose} 95 % interval:"
    return f"{heading}\n\n{markdown_table(['', *_titles(findings)], lines)}"


def _by_grade(findings: Findings) -> Iterator[str]:
    """A table for each head with the mean credit of the photos of each true grade."""
    for name, of_head in findings.by_grade.groupby("attribute", sort=False):
        attribute = findings.schema[str(name)]
        photos = of_head.drop_duplicates("grade")["photos"]
        heading = ["", *(f"{attribute.grade_label(grade)} (n {each})" for grade, each in enumerate(photos))]
        lines = [[str(row), *map(number, of_row["credit"])] for row, of_row in of_head.groupby("row", sort=False)]
        yield f"{attribute.title()}: mean credit by true grade\n\n{markdown_table(heading, lines)}"

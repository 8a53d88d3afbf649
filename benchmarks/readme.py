"""Writes the tables of README.md from the result files beside this script.

    python benchmarks/readme.py

Each table stands between two comments, <!-- NAME --> and <!-- /NAME -->, where NAME.json is in benchmarks/results/.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from multiskin.compare.words import limits

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
LOCALISED = {"pointing": "pointing game", "energy": "energy inside"}
HEADINGS = {"p_recall": "P-Recall", "kappa": "kappa", "mae": "MAE"}


def main() -> None:
    text = README.read_text(encoding="utf-8")
    for path in sorted(RESULTS.glob("*.json")):
        begin, end = f"<!-- {path.stem} -->", f"<!-- /{path.stem} -->"
        before, found, rest = text.partition(begin)
        if found:
            text = before + "\n".join([begin, *table(path), end]) + rest.partition(end)[2]
    README.write_text(text, encoding="utf-8")


def table(path: Path) -> list[str]:
    """The lines of a result file as Markdown, and where its numbers come from."""
    source = json.loads(path.read_text(encoding="utf-8"))
    if {"recall_first", "measured", "ways"} & source.keys():
        return of_json(source)
    results = pd.read_csv(path.with_suffix(".csv"))
    if "protocol" in source:
        return [*of_comparison(results), "", *of_costs(source["cost"]), "", told_of(source)]
    if "baseline" in source:
        details = f"By grade, and with its costs: [{source['title'].lower()}](benchmarks/results/{path.stem}.md)."
        return [*of_study(results, source["baseline"]), "", f"{told_of(source)} {details}"]
    return of_csv(results, source)


def of_json(source: dict) -> list[str]:
    """What stands in no table of its own."""
    if "recall_first" in source:
        return [*of_suspects(source), "", f"{source['interval']}. `{source['command']}`, {source['machine']}."]
    if "ways" in source:
        told = f"{source['picture']}; {source['network']}, {source['device']}; {source['interval']}"
        return [*of_answers(source["ways"]), "", f"{told}. `{source['command']}`; load {source['load_before']} before."]
    of = of_maps if "captum_ratio" in source["measured"][0] else of_devices
    load = f"; load {source['load_before']} before" if "load_before" in source else ""
    return [*of(source["measured"]), "", f"{source['network']}; {source['interval']}. `{source['command']}`{load}."]


def of_csv(results: pd.DataFrame, source: dict) -> list[str]:
    """What is told apart by its columns."""
    if "detection" in source:
        origin = f"{source['data']}. {source['interval']}. `{source['command']}`, {source['machine']}."
        return [*of_masks(results), "", *of_detectors(source["detection"]), "", origin]
    if "coverage" in results:
        return [*of_coverage(results), "", f"{of_two_seeds(results)} `{source['command']}`."]
    if "lead" in results:
        return [*of_map_quality(results), "", told_of_maps(results, source)]
    if "tone" in results:
        return of_maps_by_tone(results) if "head" in results else of_tones(results)
    if "features" in results:
        return of_trivial_models(results)
    if "part" in results:
        return [*of_times(results), "", f"`{source['command']}`, {source['machine']}."]
    seeds = ", ".join(map(str, source["seeds"]))
    origin = f"Seeds {seeds}; {source['interval']}. `{source['command']}`, {source['machine']}."
    return [*of_heads(results), "", origin]


def told_of(source: dict) -> str:
    """Where the numbers of a comparison or study come from."""
    photos = "Test photos" if source["side"] == "test" else "Validation photos"
    seeds = source["seeds"]
    told = f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]} alone, so exploratory"
    return f"{photos}, {told}; `python -m {source['command']}`, {source['machine']}."


def of_comparison(results: pd.DataFrame) -> list[str]:
    """A line a head: P-Recall of both sides and their difference, with the method's interval and what it shows."""
    lines = []
    for _, row in judged(results).iterrows():
        difference = f"{row['difference']:+.3f} ({limits(row['method_low'], row['method_high'])})"
        values = (f"{row[side]:.3f}" for side in ("baseline", "candidate"))
        lines.append([row["attribute"], *values, difference, f"{row['detectable']:.3f}", row["verdict"]])
    headings = ["attribute", "single models", "shared model", "difference", "smallest detectable", "verdict"]
    return markdown(headings, lines)


def of_costs(costs: list[dict]) -> list[str]:
    """A line a quantity: how many times as much the single models cost."""
    lines = []
    for cost in costs:
        bounds = "" if cost["low"] is None else f" ({cost['low']:.2f} to {cost['high']:.2f})"
        lines.append(
            [f"{cost['quantity']}{', ' * bool(cost['device'])}{cost['device']}", f"{cost['ratio']:.2f}{bounds}"]
        )
    return markdown(["cost", "single models / shared model"], lines)


def of_study(results: pd.DataFrame, baseline: str) -> list[str]:
    """A line a variant: P-Recall of every head and of their mean, and how far the mean is from the baseline's."""
    lines = []
    for name, of_row in judged(results).groupby("row", sort=False):
        mean = of_row[of_row["attribute"] == "mean"].iloc[0]
        of = "trained" if pd.isna(mean["method_low"]) else "method"
        bounds = f"{mean['difference']:+.3f} ({limits(mean[f'{of}_low'], mean[f'{of}_high'])})"
        lines.append(
            [str(name), *(f"{value:.3f}" for value in of_row["candidate"]), "" if name == baseline else bounds]
        )
    attributes = judged(results)["attribute"].unique()
    return markdown(["", *attributes, f"mean less {baseline}"], lines)


def judged(results: pd.DataFrame) -> pd.DataFrame:
    """The lines of the metric that ordered attributes are judged by."""
    return results[results["metric"] == "p_recall"]


def of_masks(results: pd.DataFrame) -> list[str]:
    """A line for all faces and for each tone: how the mask of skin agrees with the landmarks."""
    shown = results[~results["lips"] & results["group"].str.match("all|tone")]
    measures = {
        "iou": "IoU",
        "recall": "skin found",
        "outside_face": "of it outside the face",
        "on_features": "on features",
    }
    lines = []
    for _, row in shown.iterrows():
        cells = []
        for measure in measures:
            bounds = (
                "" if pd.isna(row[f"{measure}_low"]) else f" ({limits(row[f'{measure}_low'], row[f'{measure}_high'])})"
            )
            cells.append(f"{row[measure]:.3f}{bounds}")
        lines.append([row["group"], str(row["subjects"]), *cells])
    return markdown(["faces", "subjects", *measures.values()], lines)


def of_map_quality(results: pd.DataFrame) -> list[str]:
    """A line a head: how its maps lie to what was drawn, and how far ahead that is of maps that know nothing."""
    lines = []
    for head, of_head in results.groupby("head", sort=False):
        cells = []
        for measure in LOCALISED:
            rows = of_head[of_head["measure"] == measure].set_index("method").to_dict("index")
            cells.append(f"{rows['cam']['value']:.2f}")
            rivals = (rows["centre"], rows["random"])
            cells += [f"{of['lead']:+.2f} ({limits(of['lead_low'], of['lead_high'])})" for of in rivals]
        lines.append([str(head), *cells])
    ahead = ("ahead of a centre blob", "of a random map")
    return markdown(["attribute", *(words for measure in LOCALISED.values() for words in (measure, *ahead))], lines)


def told_of_maps(results: pd.DataFrame, source: dict) -> str:
    rows = results[(results["method"] == "cam") & (results["measure"] == "energy")]
    seeds = ", ".join(map(str, source["seeds"]))
    return (
        f"Seeds {seeds}, {rows['photos'].min()} to {rows['photos'].max()} photos with such a mask; "
        f"{source['interval']}. `{source['command']}`, {source['machine']}."
    )


def of_maps_by_tone(results: pd.DataFrame) -> list[str]:
    """A line a tone, its measures averaged over heads."""
    lines = []
    for tone, of_tone in results.groupby("tone", sort=False):
        means = of_tone.groupby("measure")["value"].mean()
        subjects = of_tone["subjects"]
        lines.append(
            [str(tone), f"{subjects.min()} to {subjects.max()}", *(f"{means[each]:.2f}" for each in LOCALISED)]
        )
    return markdown(["skin tone", "subjects by head", *LOCALISED.values()], lines)


def of_detectors(detectors: list[dict]) -> list[str]:
    """A line a detector: what it finds where there is a face and where there is none."""
    lines = [
        [
            row["detector"],
            f"{row['found']} of {row['photos_of_a_face']}",
            f"{row['found_without_face']} of {row['photos_without_face']}",
            f"{row['median_cpu_milliseconds']:.1f}",
        ]
        for row in detectors
    ]
    return markdown(["detector", "faces found", "found where none is", "ms a photo"], lines)


WAYS = {
    "shared": "one model, maps from the same pass",
    "captum": "five models, a LayerGradCam of captum's each",
    "predecessor": "five models, a prediction and a Grad-CAM by full backward each",
}


def of_answers(ways: dict[str, dict[str, list[float]]]) -> list[str]:
    """A line a way: milliseconds, and how many times as long as one model takes."""
    lines = []
    for way, words in WAYS.items():
        ms, times = ways[way]["ms"][0], ways[way].get("times_as_long")
        ratio = "" if times is None else f"{times[0]:.1f} ({limits(times[1], times[2])})"
        lines.append([words, f"{ms:.0f}", ratio])
    return markdown(["way", "ms", "times as long"], lines)


def of_suspects(source: dict) -> list[str]:
    """What the list of suspects holds of the labels that were replaced."""
    told = {
        "recall_first": f"of them in the first {source['first']:.0%} of the list",
        "recall_yes": "of them marked as likely wrong",
        "precision_yes": "of the marked ones that were replaced",
    }
    lines = []
    for key, words in told.items():
        value, low, high = source[key]
        lines.append([words, f"{value:.2f} ({limits(low, high)})"])
    return markdown(["share", f"of {source['replaced']:.0%} replaced labels"], lines)


def of_maps(measured: list[dict]) -> list[str]:
    """A line a batch and device: what the maps of all heads cost beside the forward pass, and captum's."""
    lines = []
    for row in measured:
        added, low, high = row["added_ms"]
        share, ratio = row["added_share"][0], row["captum_ratio"][0]
        alone = row["maps_alone_ms"][0]
        cells = [f"{row['forward_ms']:.0f}", f"{added:.1f} ({low:.1f} to {high:.1f})", f"{share:.1%}", f"{alone:.1f}"]
        cells.append(f"{ratio:.1f}")
        lines.append([f"{row['photos']}, {row['device']}", *cells])
    return markdown(["photos", "forward pass, ms", "maps add, ms", "share", "maps alone, ms", "captum / ours"], lines)


def of_devices(measured: list[dict]) -> list[str]:
    """A line a device: seconds a step without and with determinism."""
    lines = []
    for row in measured:
        value, low, high = row["ratio"]
        seconds = (f"{row[key]:.3f}" for key in ("seconds_a_step", "seconds_a_step_deterministic"))
        lines.append([row["device"], *seconds, f"{value:.2f} ({low:.2f} to {high:.2f})"])
    return markdown(["device", "seconds a step", "deterministic", "ratio"], lines)


def of_coverage(results: pd.DataFrame) -> list[str]:
    """A line for each number of seeds and variance over them: how often an interval held the truth."""
    graded = results[results["model"] == "graded"]
    lines = []
    for (seeds, variance), group in graded.groupby(["seeds", "seed_variance"]):
        cells = []
        for interval_of in ("trained", "method"):
            of = 100 * group.loc[group["interval"] == interval_of, "coverage"]
            cells.append(f"{of.median():.1f} ({of.min():.1f} to {of.max():.1f})")
        lines.append([str(seeds), f"{variance:g}", *cells])
    return markdown(["seeds", "seed variance", "these trained models", "the method"], lines)


def of_two_seeds(results: pd.DataFrame) -> str:
    """How little two seeds are worth, which were simulated with normal differences alone."""
    two = results[(results["model"] == "gaussian") & (results["seeds"] == 2) & (results["interval"] == "method")]
    return f"With two seeds the method's interval held it {100 * two['coverage'].min():.0f} times in 100 at worst."


def of_times(results: pd.DataFrame) -> list[str]:
    """A line a part of the run."""
    lines = [[row["part"], f"{row['seconds'] / 60:.1f}"] for _, row in results.iterrows()]
    return markdown(["part", "minutes"], lines)


def of_heads(results: pd.DataFrame) -> list[str]:
    """A line a head: metrics with their intervals, beside the best constant answer and, where known, a second rater."""
    references = {"constant_answer": "P-Recall of the best constant answer", "second_rater": "of a second rater"}
    known = {
        column: heading for column, heading in references.items() if results.get(column, pd.Series()).notna().any()
    }
    rows = results.set_index(["attribute", "metric"])
    lines = []
    for name in results["attribute"].unique():
        cells = [interval(rows.loc[(name, metric)]) for metric in HEADINGS]
        lines.append([name, *cells, *(f"{rows.loc[(name, 'p_recall'), column]:.2f}" for column in known)])
    return markdown(["attribute", *HEADINGS.values(), *known.values()], lines)


def of_tones(results: pd.DataFrame) -> list[str]:
    """A line a tone: P-Recall averaged over heads."""
    sizes = ["photos", "subjects"]
    lines = [[row["tone"], *map(str, row[sizes]), interval(row)] for _, row in results.iterrows()]
    return markdown(["tone", *sizes, "mean P-Recall"], lines)


def of_trivial_models(results: pd.DataFrame) -> list[str]:
    """A line a kind of feature: test P-Recall of every head and of their mean."""
    wide = results.pivot(index="features", columns="attribute", values="test")[results["attribute"].unique()]
    lines = [[str(name), *(f"{value:.2f}" for value in row)] for name, row in wide.iterrows()]
    return markdown(["model on", *wide.columns], lines)


def interval(row: pd.Series) -> str:
    """As much as is known: nothing, the value alone, or with its interval."""
    if pd.isna(row["mean"]):
        return ""
    if pd.isna(row["low"]):
        return f"{row['mean']:.2f}"
    return f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def markdown(headings: Iterable[str], lines: Iterable[Iterable[str]]) -> list[str]:
    headings = list(headings)
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *lines)]


if __name__ == "__main__":
    main()

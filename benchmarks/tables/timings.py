"""The tables of times and memory."""

from typing import Any

import pandas as pd

from tables.cells import bounded, markdown, origin

WAYS = {
    "shared": "one model, maps from the same pass",
    "captum": "five models, each with captum's LayerGradCam",
    "predecessor": "five models, each with a prediction and a Grad-CAM by a full backward pass",
}


def default_run(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per part of the run."""
    lines = [[row["part"], f"{row['seconds'] / 60:.1f}"] for _, row in results.iterrows()]
    return [*markdown(["part", "minutes"], lines), "", origin(source)]


def maps(source: dict[str, Any]) -> list[str]:
    """One row per batch size and device: the cost of all maps relative to the forward pass and to captum."""
    lines = []
    for row in source["measured"]:
        share, alone, ratio = (row[key][0] for key in ("added_share", "maps_alone_ms", "captum_ratio"))
        added = bounded(*row["added_ms"], decimals=1)
        cells = [f"{row['forward_ms']:.0f}", added, f"{share:.1%}", f"{alone:.1f}", f"{ratio:.1f}"]
        lines.append([f"{row['photos']}, {row['device']}", *cells])
    headings = ["photos", "forward pass, ms", "maps add, ms", "share", "maps alone, ms", "captum / ours"]
    return [*markdown(headings, lines), "", measurement_caption(source)]


def determinism(source: dict[str, Any]) -> list[str]:
    """One row per device: seconds per step without and with determinism."""
    lines = []
    for row in source["measured"]:
        seconds = (f"{row[key]:.3f}" for key in ("seconds_a_step", "seconds_a_step_deterministic"))
        lines.append([row["device"], *seconds, bounded(*row["ratio"])])
    return [*markdown(["device", "seconds per step", "deterministic", "ratio"], lines), "", measurement_caption(source)]


def answers(source: dict[str, Any]) -> list[str]:
    """One row per method: milliseconds, and the time relative to one shared model."""
    lines = []
    for way, words in WAYS.items():
        ms, times = source["ways"][way]["ms"][0], source["ways"][way].get("times_as_long")
        lines.append([words, f"{ms:.0f}", "" if times is None else bounded(*times, decimals=1)])
    caption = f"{source['picture']}; {source['network']}, {source['device']}; {source['interval']}"
    table = markdown(["method", "ms", "times as long"], lines)
    return [*table, "", f"{caption}. `{source['command']}`; load {source['load_before']} before."]


def allocation(source: dict[str, Any]) -> list[str]:
    """One row per workload: CPU seconds and peak memory with freed memory kept and returned."""
    lines = []
    for row in source["measured"]:
        seconds = (f"{row[key]:.3f}" for key in ("seconds_kept", "seconds_left"))
        memory = (f"{row[key]:.0f}" for key in ("memory_mib_kept", "memory_mib_left"))
        lines.append([row["work"], *seconds, bounded(*row["ratio"]), *memory])
    headings = ["work", "s, kept", "s, returned", "times as long", "MiB, kept", "MiB, returned"]
    return [*markdown(headings, lines), "", f"{source['network']}; {source['interval']}. {origin(source)}"]


def measurement_caption(source: dict[str, Any]) -> str:
    load = f"; load {source['load_before']} before" if "load_before" in source else ""
    return f"{source['network']}; {source['interval']}. `{source['command']}`{load}."


def memory(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per training step: its estimated and measured memory."""
    headings = [
        "network",
        "pixels",
        "photos",
        "gradient checkpointing",
        "estimated",
        "tensors",
        "process",
    ]
    sizes = ("estimated_gb", "allocated_gb", "resident_gb")
    lines = [
        [
            row["network"],
            str(row["input_size"]),
            str(row["batch_size"]),
            "yes" if row["gradient_checkpointing"] else "no",
            *("" if pd.isna(row[size]) else f"{row[size]:.2f} GB" for size in sizes),
        ]
        for _, row in results.iterrows()
    ]
    return [*markdown(headings, lines), "", origin(source)]


def inference(source: dict[str, Any]) -> list[str]:
    """One row per batch size and device: a network with five heads compared with one and five timm models."""
    heads = {(row["device"], row["photos"]): row["share_a_head"] for row in source["heads"]}
    lines = []
    for row in source["rivals"]:
        ratios = [bounded(*row[key]) for key in ("timm_over_ours", "five_models_over_ours")]
        share = heads[row["device"], row["photos"]]
        lines.append([f"{row['photos']}, {row['device']}", f"{row['ms']:.0f}", *ratios, f"{share:.2%}"])
    headings = ["photos", "ms", "timm with one head / ours", "five models / ours", "one more head adds"]
    return [*markdown(headings, lines), "", *_long_run(source), measurement_caption(source)]


def _long_run(source: dict[str, Any]) -> list[str]:
    linear = source["photos"][-1]
    memory = source["memory"]
    by_chance = " to ".join(f"{bound:+.2f}" for bound in memory["chance"])
    return [
        f"Each further photo costs {linear['ms_a_photo']:.1f} ms from 1 to 32 photos (correlation "
        f"{linear['correlation']:.4f}). Over {memory['files']:,} scored files, memory use grew by "
        f"{memory['slope_mib_a_thousand']:+.2f} MiB per thousand files (by chance: {by_chance}).",
        "",
    ]


def long_run(source: dict[str, Any]) -> list[str]:
    """A sentence on the growth of memory over the epochs of a training."""
    by_chance = " to ".join(f"{bound:+.2f}" for bound in source["chance"])
    return [
        f"Over {source['epochs']} epochs of {source['draws']} photos, the memory use of `fit` grew by "
        f"{source['slope_mib_an_epoch']:+.2f} MiB per epoch (by chance: {by_chance}). {origin(source)}"
    ]


def imports(source: dict[str, Any]) -> list[str]:
    """One row per number of label files: the seconds and the peak memory of an import."""
    lines = [[f"{row['files']:,}", f"{row['seconds']:.1f}", f"{row['megabytes']:.0f} MB"] for row in source["imports"]]
    return [*markdown(["label files", "seconds", "peak memory"], lines), "", origin(source)]

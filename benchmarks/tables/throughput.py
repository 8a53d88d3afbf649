"""The tables of throughput."""

from typing import Any

from tables.cells import bounded, markdown, origin
from tables.timings import measurement_caption


def stages(source: dict[str, Any]) -> list[str]:
    """One row per stage of data loading, then one per way of caching."""
    lines = [[row["stage"], f"{row['ms']:.2f}"] for row in source["stages"]]
    decoded = next(place for place, row in enumerate(source["stages"]) if row["stage"] == "decode")
    lines.insert(decoded + 1, ["decode, `data.decoding: reduced`", f"{source['decode_reduced_ms']:.2f}"])
    loaders = [[row["way"], bounded(*row["photos_a_second"], decimals=1)] for row in source["loaders"]]
    workers = f"{source['workers']} workers" if source["workers"] else "no worker processes"
    return [
        *markdown(["stage", "ms per photo"], lines),
        "",
        *markdown([f"loader, {workers}", "photos per second"], loaders),
        "",
        f"{source['photos']}; {source['interval']}. {origin(source)}",
    ]


def training(source: dict[str, Any]) -> list[str]:
    """One row per training setting: photos per second of each loop, and the ratios of consecutive loops."""
    bars = source["bars"]
    lines = []
    for row in source["measured"]:
        way = [row["device"], row["precision"], *(["compiled"] if row["compile"] else [])]
        reading = f"{row['workers']} workers" + (f", cache {row['cache']}" if row["cache"] else "")
        rates = (f"{row[loop]:.0f}" for loop in ("bare", "fit", "loading"))
        shares = (bounded(*row[f"{loop}_share"], decimals=3) for loop in ("fit", "loading"))
        lines.append([f"{', '.join(way)}; {reading}", *rates, *shares])
    headings = [
        *("setting", "bare loop", "`fit`, batches in memory", "`fit`, photos"),
        f"`fit` / bare, at least {bars['fit']}",
        f"photos / memory, at least {bars['loading']}",
    ]
    return [*markdown(headings, lines), "", f"Photos per second. {measurement_caption(source)}"]


def collection(source: dict[str, Any]) -> list[str]:
    """One row per command: photos per second, and the start-up time."""
    lines = [
        [f"`{row['way']}`", bounded(*row["photos_a_second"], decimals=1), bounded(*row["seconds_before"], decimals=1)]
        for row in source["ways"]
    ]
    caption = f"{source['photos']}; {source['network']}; {source['cores']} cores; {source['interval']}"
    headings = ["", "photos per second", "seconds before the first"]
    return [*markdown(headings, lines), "", f"{caption}. `{source['command']}`; load {source['load_before']} before."]

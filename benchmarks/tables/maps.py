"""The tables of explanation maps, skin masks and suspected labels."""

from typing import Any

import pandas as pd

from tables.cells import bounded, markdown, origin, seeds_of, spread

LOCALISED = {"pointing": "pointing game", "energy": "energy inside"}
MASK_MEASURES = {
    "iou": "IoU",
    "recall": "skin found",
    "outside_face": "of the mask outside the face",
    "on_features": "on features",
}
REPLACED = {
    "recall_first": "replaced labels in the first {first:.0%} of the list",
    "recall_yes": "replaced labels marked as likely wrong",
    "precision_yes": "marked labels that were replaced",
}


def quality(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per head: how well its maps match the rendered masks, and their lead over uninformed maps."""
    lines = []
    for head, head_rows in results.groupby("head", sort=False):
        cells = []
        for measure in LOCALISED:
            rows = head_rows[head_rows["measure"] == measure].set_index("method").to_dict("index")
            uninformed = (rows["centre"], rows["random"])
            leads = (bounded(of["lead"], of["lead_low"], of["lead_high"], sign="+") for of in uninformed)
            cells += [f"{rows['cam']['value']:.2f}", *leads]
        lines.append([str(head), *cells])
    ahead = ("minus centre blob", "minus random map")
    table = markdown(["attribute", *(words for measure in LOCALISED.values() for words in (measure, *ahead))], lines)
    photos = results.loc[(results["method"] == "cam") & (results["measure"] == "energy"), "photos"]
    caption = f"Seeds {seeds_of(source)}, {spread(photos.min(), photos.max())} photos with a mask per head"
    return [*table, "", f"{caption}; {source['interval']}. {origin(source)}"]


def by_tone(_: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per tone, with measures averaged over heads."""
    lines = []
    for tone, tone_rows in results.groupby("tone", sort=False):
        means, subjects = tone_rows.groupby("measure")["value"].mean(), tone_rows["subjects"]
        cells = (f"{means[each]:.2f}" for each in LOCALISED)
        lines.append([str(tone), spread(subjects.min(), subjects.max()), *cells])
    return markdown(["skin tone", "subjects by head", *LOCALISED.values()], lines)


def skin_mask(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """The agreement of the skin mask with landmarks, and the performance of face detectors."""
    caption = f"{source['data']}. {source['interval']}. {origin(source)}"
    return [*mask_table(results), "", *detector_table(source["detection"]), "", caption]


def mask_table(results: pd.DataFrame) -> list[str]:
    """One row for all faces and one per tone."""
    shown = results[~results["lips"] & results["group"].str.match("all|tone")]
    lines = []
    for _, row in shown.iterrows():
        measured = [row[[each, f"{each}_low", f"{each}_high"]] for each in MASK_MEASURES]
        cells = (bounded(*of, decimals=3) if of.notna().all() else f"{of.iloc[0]:.3f}" for of in measured)
        lines.append([row["group"], str(row["subjects"]), *cells])
    return markdown(["faces", "subjects", *MASK_MEASURES.values()], lines)


def detector_table(detectors: list[dict[str, Any]]) -> list[str]:
    """One row per detector: detections in photos with and without a face, and the time per photo."""
    lines = [
        [
            row["detector"],
            f"{row['found']} of {row['photos_of_a_face']}",
            f"{row['found_without_face']} of {row['photos_without_face']}",
            f"{row['median_cpu_milliseconds']:.1f}",
        ]
        for row in detectors
    ]
    return markdown(["detector", "faces found", "false detections", "ms per photo"], lines)


def suspects(source: dict[str, Any]) -> list[str]:
    """Recall and precision of the list of suspects for replaced labels."""
    lines = [[words.format(**source), bounded(*source[key])] for key, words in REPLACED.items()]
    table = markdown([f"{source['replaced']:.0%} of the labels replaced", "share"], lines)
    return [*table, "", f"{source['interval']}. {origin(source)}"]

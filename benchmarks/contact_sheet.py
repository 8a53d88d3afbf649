"""Draws examples of the rendered grades: one row per condition, each in another skin tone, and one column per grade.

python benchmarks/contact_sheet.py        # 3 seconds; writes benchmarks/results/rendered.jpg
"""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.grades import GRADES
from multiskin.data.render.photo import Shot, photograph
from multiskin.data.render.tones import TONES

SHEET = Path(__file__).parent / "results" / "rendered.jpg"
PARTS = {"oil": "forehead", "sensitivity": "side", "wrinkle": "centre", "pigmentation": "centre", "hydration": "chin"}
OTHERS = 0.05  # severity of the other conditions on the same part of the face


def main() -> None:
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    figure = Figure(figsize=(GRADES * 1.6, len(PARTS) * 1.6), layout=layout)
    rows = figure.subplots(len(PARTS), GRADES)
    for tone, (row, (name, part)) in enumerate(zip(rows, PARTS.items(), strict=True)):
        for grade, axes in enumerate(row):
            axes.imshow(photograph(shot(name, part, tone, grade)).pixels)
            axes.set(xticks=[], yticks=[])
            axes.set_frame_on(False)
            if tone == 0:
                axes.set_title(f"grade {grade}", fontsize=9)
        row[0].set_ylabel(f"{name}\ntone {TONES[tone]}", fontsize=9)
    figure.savefig(SHEET, dpi=110, pil_kwargs={"quality": 88})


def shot(name: str, part: str, tone: int, grade: int) -> Shot:
    """The same face in every column; only the severity of one condition differs."""
    severities = {other: OTHERS for other, condition in CONDITIONS.items() if part in condition.parts}
    severities[name] = (grade + 0.5) / GRADES
    return Shot(7, tone, 0, part, False, tone, tuple(severities.items()), 240)


if __name__ == "__main__":
    main()

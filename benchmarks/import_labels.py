"""Time and memory to import label files in the AI Hub layout.

    python benchmarks/import_labels.py --files 1000 10000 100000

Writes trees with the given numbers of JSON files, nine per photo, to a temporary folder, and imports each in a new
process. Images have only a few bytes, since an import decodes none. All have the same size, so the importer has to read
every one to find duplicates. Memory is the peak resident memory of the process, libraries included.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from multiskin.data.adapters.aihub_face import AIHubFace
from multiskin.data.adapters.importer import import_labels
from multiskin.run import write_json

PARTS = 9  # label files per photo
WIDTH, HEIGHT = 2136, 3216  # pixels, as stated in the labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000, 100_000], help="numbers of label files")
    parser.add_argument("--import", dest="source", type=Path, help="import this folder and print its time and memory")
    args = parser.parse_args()
    if args.source is not None:
        print(json.dumps(time_import(args.source)))
        return
    from seeds import RESULTS, commit, machine  # imports torch, which must not count in the memory of an import

    load = os.getloadavg()[0]
    measured = [measure(files) for files in args.files]
    files = " ".join(map(str, args.files))
    write_json(
        RESULTS / "import_labels.json",
        {
            "imports": measured,
            "command": f"python benchmarks/import_labels.py --files {files}",
            "machine": machine(1),
            "load_before": round(load, 1),
            "commit": commit(),
        },
    )


def measure(files: int) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        draw(Path(folder) / "source", files)
        command = [sys.executable, __file__, "--import", str(Path(folder) / "source")]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = {"files": files, **json.loads(output)}
    print(result)
    return result


def time_import(source: Path) -> dict[str, float]:
    """Rows, wall and CPU seconds of the import, and the peak memory of the process in MB before and after it."""
    before = peak()
    start, worked = time.perf_counter(), time.process_time()
    made = import_labels(AIHubFace(), source, source.parent / "out")
    return {
        "rows": made.rows,
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - worked, 1),
        "megabytes_before": before,
        "megabytes": peak(),
    }


def peak() -> float:
    """Peak resident memory of this program so far in MB, on Linux; getrusage would include the parent process."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [line] = [line for line in status if line.startswith("VmHWM:")]
    return round(int(line.split()[1]) * 1.024e-3, 1)


def draw(root: Path, files: int) -> None:
    """Writes a tree of label files, with a few bytes for each image that they name."""
    for number in range(files):
        photo, part = divmod(number, PARTS)
        subject, name = f"{photo:06}", f"{photo:06}_01_F"
        if part == 0:
            picture = root / "img" / "01" / subject / f"{name}.jpg"
            picture.parent.mkdir(parents=True)
            picture.write_bytes(b"\xff\xd8\xff" + photo.to_bytes(8, "big"))
            (root / "label" / "01" / subject).mkdir(parents=True)
        path = root / "label" / "01" / subject / f"{name}_{part:02}.json"
        path.write_text(json.dumps(label(photo, part, f"{name}.jpg")), encoding="utf-8")


def label(photo: int, part: int, name: str) -> dict:
    """The content of a label file; in 3 of 50 photos a box is reversed or missing, or a measurement failed."""
    box = [300, 1400, 800, 2000] if photo % 50 != 1 else [800, 2000, 300, 1400]
    grades = {"forehead_wrinkle": photo % 7, "l_cheek_pore": photo % 6, "chin_sagging": photo % 7}
    values = {f"{where}_moisture": 20.0 + photo % 50 for where in ("forehead", "l_cheek", "r_cheek", "chin")}
    values |= {f"{where}_elasticity_R{number}": 0.5 for where in ("forehead", "chin") for number in range(10)}
    return {
        "info": {
            "filename": name,
            "id": name[:6],
            "gender": "FM"[photo % 2],
            "age": 20 + photo % 50,
            "date": "2023-01-01",
            "skin_type": (0, 1, 3, 4, 5)[photo % 5],
            "sensitive": photo % 2,
        },
        "images": {
            "device": 0,
            "width": WIDTH,
            "height": HEIGHT,
            "angle": 0,
            "facepart": part,
            "bbox": None if part == 0 or photo % 50 == 2 else box,
        },
        "annotations": grades,
        "equipment": "Er" if photo % 50 == 3 else values,
    }


if __name__ == "__main__":
    main()

"""The command that writes a trained model for others, and a loader for every form of model that it writes."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from multiskin.cli.parsers import Parser, summary
from multiskin.cli.terminal import warn, warn_of_sets
from multiskin.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from multiskin.export.agreement import Agreement
    from multiskin.inference.predictor import Predictor
    from multiskin.portable.predictor import OnnxPredictor
    from multiskin.run import RunFolder

    Photos = Callable[[str, int], list[np.ndarray]]  # of a side, and at most this many

ONNX = ".onnx"


def export(arguments: list[str]) -> None:
    """Write a trained model for others: one ONNX file, which needs no torch, or a folder for the Hugging Face hub."""
    options = _parser().parse_args(arguments)
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    out = Path(options.out)
    to_onnx = out.suffix.lower() == ONNX
    if options.int8 and not to_onnx:
        raise UserError(f"--int8: needs an --out that ends in {ONNX}")
    RunFolder.require_free(out)
    checkpoint = RunFolder.checkpoint_at(options.model)
    run = RunFolder.open(options.model) if Path(options.model).is_dir() and checkpoint.is_file() else None
    if options.root and not (to_onnx and run):
        raise UserError("--root: is for ONNX files of a run, which are compared on its photos; leave it out")
    predictor = Predictor.from_checkpoint(checkpoint, "cpu", options.detector)
    if to_onnx:
        _write_onnx(options, out, predictor, run)
    else:
        predictor.save_pretrained(out, {} if run is None else run.results())
    print(out)


def _parser() -> Parser:
    parser = Parser("multiskin export", description=summary(export))
    parser.add_argument("model", help="a run folder, a .ckpt file, or a folder for the hub")
    parser.add_argument("--out", required=True, help="a new .onnx file, or a new folder")
    parser.add_argument(
        "--int8", action="store_true", help="ONNX in 8 bits; reports what that costs; needs a run folder"
    )
    parser.add_argument("--root", help="where the run's photos are now; default: where they were")
    parser.add_argument("--detector", help="where the YuNet .onnx file is now, for a model that was trained with one")
    return parser


def _write_onnx(options: Namespace, out: Path, predictor: "Predictor", run: "RunFolder | None") -> None:
    from multiskin.export.onnx import export_int8, export_onnx
    from multiskin.export.photos import COMPARED, LEARNED, drawn_photos, run_photos

    root = _root(options, run)
    photos = [] if run is None else run_photos(run, root, "val", COMPARED)
    learned = [] if run is None or not options.int8 else run_photos(run, root, "train", LEARNED)
    if options.int8 and not (photos and learned):
        raise UserError("--int8: needs photos of the run; give its folder, and where the photos are now with --root")
    if not photos:
        warn(["no photo of the run could be read, so the export is compared on drawn ones"])
    compared = photos or drawn_photos()
    out.parent.mkdir(parents=True, exist_ok=True)
    if not options.int8:
        _tell(export_onnx(predictor, out, compared), predictor)
        return
    warn_of_sets(predictor.conformal, "--int8", "with the probabilities of the model itself")
    with TemporaryDirectory() as folder:
        plain = Path(folder) / f"float{ONNX}"
        export_onnx(predictor, plain, compared)
        _tell(export_int8(predictor, plain, out, compared, learned), predictor)


def _root(options: Namespace, run: "RunFolder | None") -> Path:
    """Where the photos are; irrelevant where there is no run."""
    from multiskin.reports.page import settings_of

    return Path(options.root or ("" if run is None else settings_of(run)["data"]["root"]))


def _tell(found: "Agreement", predictor: "Predictor") -> None:
    print(f"compared with the model itself on {found.photos} photos:")
    print(f"  probabilities differ by {found.probability:.1e} at most, {found.mean:.1e} on average")
    if found.map is None:
        print("  it has no maps: its heads see more of the final map than its mean")
    else:
        print(f"  maps differ by {found.map:.1e} of their strongest place at most")
    for attribute, share in zip(predictor.schema, found.grades, strict=True):
        print(f"  {attribute.name}: the same grade on {share:.1%}")


def load_model(options: Namespace) -> "Predictor | OnnxPredictor":
    """The model that a command names: an .onnx file, a run folder, a folder for the hub, or a checkpoint.

    Raises:
        UserError: no such file, one that is not multiskin's, or a device that it cannot run on.
    """
    if Path(options.model).suffix.lower() == ONNX:
        from multiskin.portable.predictor import OnnxPredictor

        if options.device not in ("auto", "cpu"):
            raise UserError(f"--device {options.device}: an {ONNX} file is run on the CPU; give the run folder instead")
        return OnnxPredictor.from_file(options.model, options.detector)
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    return Predictor.from_checkpoint(RunFolder.checkpoint_at(options.model), options.device, options.detector)

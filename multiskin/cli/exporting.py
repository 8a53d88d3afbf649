"""The command that exports a trained model, and a loader for all model formats."""

from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from multiskin.cli.parsers import Parser, summary
from multiskin.cli.terminal import warn, warn_of_sets
from multiskin.errors import UserError

if TYPE_CHECKING:
    from multiskin.export.agreement import Agreement
    from multiskin.inference.predictor import Predictor
    from multiskin.portable.predictor import OnnxPredictor
    from multiskin.run import RunFolder


ONNX = ".onnx"


def export(arguments: list[str]) -> None:
    """Export a trained model: one ONNX file, which runs without torch, or a folder for the Hugging Face hub."""
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
        raise UserError("--root: only for exporting a run to ONNX, which compares on its photos; leave it out")
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
        "--int8",
        action="store_true",
        help="quantize ONNX to 8 bits, and report how much predictions change; needs a run folder",
    )
    parser.add_argument("--root", help="the folder of the run's photos, if they have moved")
    parser.add_argument("--detector", help="the YuNet .onnx file, for a model trained with one, if it has moved")
    return parser


def _write_onnx(options: Namespace, out: Path, predictor: "Predictor", run: "RunFolder | None") -> None:
    from multiskin.export.onnx import export_int8, export_onnx
    from multiskin.export.photos import COMPARED, LEARNED, drawn_photos, run_photos

    root = _root(options, run)
    photos = [] if run is None else run_photos(run, root, "val", COMPARED)
    learned = [] if run is None or not options.int8 else run_photos(run, root, "train", LEARNED)
    if options.int8 and not (photos and learned):
        raise UserError("--int8: needs photos of the run; give its folder, and --root if the photos have moved")
    if not photos:
        warn(["no photo of a run could be read, so the export is compared with the model on drawn photos"])
    compared = photos or drawn_photos()
    out.parent.mkdir(parents=True, exist_ok=True)
    if not options.int8:
        _print_agreement(export_onnx(predictor, out, compared), predictor)
        return
    warn_of_sets(predictor.conformal, "--int8", "with the probabilities of the original model")
    with TemporaryDirectory() as folder:
        unquantized = Path(folder) / f"float{ONNX}"
        export_onnx(predictor, unquantized, compared)
        _print_agreement(export_int8(predictor, unquantized, out, compared, learned), predictor)


def _root(options: Namespace, run: "RunFolder | None") -> Path:
    """The folder of the photos; irrelevant without a run."""
    from multiskin.reports.page import settings_of

    return Path(options.root or ("" if run is None else settings_of(run)["data"]["root"]))


def _print_agreement(agreement: "Agreement", predictor: "Predictor") -> None:
    print(f"compared with the original model on {agreement.photos} photos:")
    print(f"  probabilities differ by at most {agreement.probability:.1e}, on average by {agreement.mean:.1e}")
    if agreement.map is None:
        print("  no maps, since its heads use more of the final map than its mean")
    else:
        print(f"  maps differ by at most {agreement.map:.1e} of their highest value")
    for attribute, share in zip(predictor.schema, agreement.grades, strict=True):
        print(f"  {attribute.name}: the same grade on {share:.1%}")


def load_model(options: Namespace) -> "Predictor | OnnxPredictor":
    """Loads the model that a command names: an .onnx file, a run folder, a folder for the hub, or a checkpoint.

    Raises:
        UserError: no such file, a file that is not multiskin's, or a device that the model cannot run on.
    """
    if Path(options.model).suffix.lower() == ONNX:
        from multiskin.portable.predictor import OnnxPredictor

        if options.device not in ("auto", "cpu"):
            raise UserError(f"--device {options.device}: {ONNX} files run on the CPU only; give the run folder instead")
        return OnnxPredictor.from_file(options.model, options.detector)
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    return Predictor.from_checkpoint(RunFolder.checkpoint_at(options.model), options.device, options.detector)

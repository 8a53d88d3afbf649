"""How long a picture takes to become five scores and five maps: by one model here, and by five models as it used to be.

    python benchmarks/answer.py          # two minutes; leave the machine alone meanwhile

From the bytes of a JPEG, one at a time, in one process and by turns. Here one model with five heads decodes the picture
once and takes maps from the pass that gives the scores. Five models each decode it and get scores and a map from one
pass forwards and back to the last map by captum's LayerGradCam; or, as the predecessor's five servers did, predict in a
pass of their own and then go forwards and all the way back for Grad-CAM. Networks have random weights.
"""

import argparse
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from cam import BACKBONE, GRADES, HEADS, SIZE, provenance, rounded
from captum.attr import LayerGradCam
from determinism import name
from PIL import Image
from seeds import RESULTS

from multiskin.config import ModelConfig, Recipe
from multiskin.data.images import decode_image
from multiskin.data.transforms import Preprocessing
from multiskin.explain.cam import head_maps
from multiskin.inference.predictor import Predictor
from multiskin.metrics.bootstrap import RESAMPLES
from multiskin.models.blueprint import Blueprint
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema
from multiskin.timing import time_alternately

PICTURE = 640  # pixels a side
BOUNDS = {"captum": 4.8, "predecessor": 20.0}  # times as long, at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="in all; default: 120")
    parser.add_argument("--out", type=Path, default=RESULTS / "answer.json")
    options = parser.parse_args()
    load, device = os.getloadavg()[0], torch.device("cuda" if torch.cuda.is_available() else "cpu")
    jpeg, shared = picture(), predictor(HEADS, device)
    singles = [predictor(1, device) for _ in range(HEADS)]
    ways = {
        "shared": lambda: answer(shared, jpeg),
        "captum": lambda: [by_captum(single, jpeg) for single in singles],
        "predecessor": lambda: [by_predecessor(single, jpeg) for single in singles],
    }
    measured = compare(ways, options.seconds)
    for way, numbers in measured.items():
        print(way, numbers)
    write_json(
        options.out,
        {"ways": measured, "device": name(device), "picture": f"JPEG of {PICTURE} x {PICTURE} pixels"}
        | provenance("answer", options.seconds, load),
    )


def picture() -> bytes:
    """A JPEG of smooth random colours, since noise would take longer to decode than any photo."""
    coarse = np.random.default_rng(0).integers(0, 256, (PICTURE // 16, PICTURE // 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((PICTURE, PICTURE), Image.Resampling.BICUBIC).save(file, "JPEG", quality=92)
    return file.getvalue()


def predictor(heads: int, device: torch.device) -> Predictor:
    torch.manual_seed(0)
    schema = Schema(tuple(Attribute(f"head_{number}", GRADES) for number in range(heads)))
    counts = ((1,) * GRADES,) * heads
    net = Blueprint(schema, ModelConfig(BACKBONE, input_size=SIZE), (Recipe(),) * heads, counts).build()
    return Predictor(net.eval().to(device), Preprocessing(SIZE, (0.5,) * 3, (0.5,) * 3), device)


def prepared(model: Predictor, jpeg: bytes) -> torch.Tensor:
    """(1, 3, S, S), on the device."""
    return model.transform()(decode_image(io.BytesIO(jpeg), "picture"), seed=0).unsqueeze(0).to(model.device)


def answer(model: Predictor, jpeg: bytes) -> tuple[object, np.ndarray]:
    """Scores and maps from one pass."""
    found = head_maps(model.net, prepared(model, jpeg))
    return model.predict_logits(found.output.logits), found.maps.cpu().numpy()


def by_captum(model: Predictor, jpeg: bytes) -> tuple[object, np.ndarray]:
    """The score is read in the pass that captum makes, which spares it one of its own."""
    logits = {}

    def explained(images: torch.Tensor) -> torch.Tensor:
        logits.update(model.net(images).logits)
        return of_likeliest(logits)

    grad_cam = LayerGradCam(explained, model.net.backbone.net.global_pool)
    maps = grad_cam.attribute(prepared(model, jpeg), attribute_to_layer_input=True)
    return model.predict_logits({key: value.detach() for key, value in logits.items()}), maps.detach().cpu().numpy()


def by_predecessor(model: Predictor, jpeg: bytes) -> tuple[object, np.ndarray]:
    """A pass for the score, then Grad-CAM by hooks: another pass, and back through the whole network."""
    kept: dict[str, torch.Tensor] = {}
    images = prepared(model, jpeg)
    scores = model.predict(images)
    layer = model.net.backbone.net.conv_head
    handles = [
        layer.register_forward_hook(lambda _, __, output: kept.update(map=output.detach())),
        layer.register_full_backward_hook(lambda _, __, gradients: kept.update(gradient=gradients[0])),
    ]
    model.net.zero_grad()
    of_likeliest(model.net(images).logits).sum().backward()
    for handle in handles:
        handle.remove()
    weights = kept["gradient"].mean(dim=(2, 3), keepdim=True)
    return scores, torch.relu((weights * kept["map"]).sum(dim=1)).cpu().numpy()


def of_likeliest(logits: dict[str, torch.Tensor]) -> torch.Tensor:
    """The likeliest grade's logit of a network with one head: what Grad-CAM explains by custom."""
    [of_head] = logits.values()
    return of_head.max(dim=1).values


def compare(ways: Mapping[str, Callable[[], object]], budget: float) -> dict[str, dict[str, object]]:
    """Milliseconds of each way, and of the others how many times as long as the first they take."""
    rounds = 1000 * time_alternately(list(ways.values()), budget)  # (R, T)
    draws = np.random.default_rng(0).integers(len(rounds), size=(RESAMPLES, len(rounds)))
    medians = np.median(np.concatenate([rounds[None], rounds[draws]]), axis=1)  # (1 + RESAMPLES, T)
    measured: dict[str, dict[str, object]] = {}
    for column, way in enumerate(ways):
        ratio = (
            {} if column == 0 else {"times_as_long": rounded(medians[:, column] / medians[:, 0]), "bound": BOUNDS[way]}
        )
        measured[way] = {"ms": rounded(medians[:, column])} | ratio
    return measured


if __name__ == "__main__":
    main()

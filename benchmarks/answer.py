"""Time from a JPEG to five scores and five explanation maps: one shared model compared with five single-task models.

    python benchmarks/answer.py          # two minutes; keep the machine idle meanwhile

All variants start from the bytes of one JPEG and alternate in one process. The shared model decodes the photo once and
computes the maps of its five heads from the forward pass that gives the scores. The five single-task models each decode
the photo, and either get the score and the map from one forward pass and a backward pass to the last feature map
(captum's LayerGradCam) or, like the five servers of the predecessor, predict in one forward pass and then run Grad-CAM
with another forward pass and a full backward pass. All networks have random weights.
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
from determinism import device_name
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

PICTURE = 640  # pixels per side
BOUNDS = {"captum": 4.8, "predecessor": 20.0}  # targets: at least this many times as long as the shared model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="time budget of the whole benchmark; default: 120")
    parser.add_argument("--out", type=Path, default=RESULTS / "answer.json")
    options = parser.parse_args()
    load, device = os.getloadavg()[0], torch.device("cuda" if torch.cuda.is_available() else "cpu")
    jpeg, shared = picture(), predictor(HEADS, device)
    singles = [predictor(1, device) for _ in range(HEADS)]
    ways = {
        "shared": lambda: answer(shared, jpeg),
        "captum": lambda: [captum_answer(single, jpeg) for single in singles],
        "predecessor": lambda: [predecessor_answer(single, jpeg) for single in singles],
    }
    measured = compare(ways, options.seconds)
    for way, numbers in measured.items():
        print(way, numbers)
    write_json(
        options.out,
        {"ways": measured, "device": device_name(device), "picture": f"JPEG of {PICTURE} x {PICTURE} pixels"}
        | provenance("answer", options.seconds, load),
    )


def picture() -> bytes:
    """A JPEG of smooth random colours, since noise would take longer to decode than a photo."""
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


def network_input(model: Predictor, jpeg: bytes) -> torch.Tensor:
    """The network's input (1, 3, S, S), on the device."""
    return model.transform()(decode_image(io.BytesIO(jpeg), "picture"), seed=0).unsqueeze(0).to(model.device)


def answer(model: Predictor, jpeg: bytes) -> tuple[object, np.ndarray]:
    """Scores and maps of all heads from one forward pass."""
    found = head_maps(model.net, network_input(model, jpeg))
    return model.predict_logits(found.output.logits), found.maps.cpu().numpy()


def captum_answer(model: Predictor, jpeg: bytes) -> tuple[object, np.ndarray]:
    """Takes the score from captum's own forward pass, which saves a separate one."""
    logits = {}

    def explained_logit(images: torch.Tensor) -> torch.Tensor:
        logits.update(model.net(images).logits)
        return top_logit(logits)

    grad_cam = LayerGradCam(explained_logit, model.net.backbone.net.global_pool)
    maps = grad_cam.attribute(network_input(model, jpeg), attribute_to_layer_input=True)
    return model.predict_logits({key: value.detach() for key, value in logits.items()}), maps.detach().cpu().numpy()


def predecessor_answer(model: Predictor, jpeg: bytes) -> tuple[object, np.ndarray]:
    """One forward pass for the score, then Grad-CAM with hooks: another forward pass and a full backward pass."""
    kept: dict[str, torch.Tensor] = {}
    images = network_input(model, jpeg)
    scores = model.predict(images)
    layer = model.net.backbone.net.conv_head
    handles = [
        layer.register_forward_hook(lambda _, __, output: kept.update(map=output.detach())),
        layer.register_full_backward_hook(lambda _, __, gradients: kept.update(gradient=gradients[0])),
    ]
    model.net.zero_grad()
    top_logit(model.net(images).logits).sum().backward()
    for handle in handles:
        handle.remove()
    weights = kept["gradient"].mean(dim=(2, 3), keepdim=True)
    return scores, torch.relu((weights * kept["map"]).sum(dim=1)).cpu().numpy()


def top_logit(logits: dict[str, torch.Tensor]) -> torch.Tensor:
    """The highest logit of a network with one head, which Grad-CAM explains by convention."""
    [head_logits] = logits.values()
    return head_logits.max(dim=1).values


def compare(ways: Mapping[str, Callable[[], object]], budget: float) -> dict[str, dict[str, object]]:
    """The milliseconds of each variant and, except for the first, how many times as long as the first it takes."""
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

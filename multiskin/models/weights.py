"""The pretrained weights of a backbone: those published for timm, downloaded once, or a local file."""

import sys
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from torch import Tensor

from multiskin.errors import UserError

TIMEOUT = 5  # seconds to wait for the Hub's first response
REMEDY = "give a local file under model.weights, or 'none' to start from random weights"


def find_weights(weights: str, published: dict[str, Any], *, offline: bool) -> Path | None:
    """The file that model.weights refers to, or None for 'none'.

    Args:
        weights: 'auto', 'none' or a path.
        published: the backbone's pretrained configuration in timm.
        offline: never access the network; a cached file is still used.

    Raises:
        UserError: no such file, no published weights for this backbone, or the Hub cannot be reached.
    """
    if weights == "none":
        return None
    if weights != "auto":
        path = Path(weights).expanduser()
        if not path.is_file():
            raise UserError(f"model.weights: no file {weights}; {REMEDY}, or 'auto' for timm's own")
        return path
    return _published_weights(published, offline=offline)


def _published_weights(published: dict[str, Any], *, offline: bool) -> Path:
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

    repository = published.get("hf_hub_id")
    if not repository:
        raise UserError(f"model.weights: timm publishes none for {published.get('architecture')}; {REMEDY}")
    cached = try_to_load_from_cache(repository, constants.SAFETENSORS_SINGLE_FILE)
    if isinstance(cached, str):
        return Path(cached)
    if offline or constants.HF_HUB_OFFLINE:
        reason = "are not on this machine, and --offline or HF_HUB_OFFLINE is set"
        raise UserError(f"model.weights: those of {repository} {reason}; {REMEDY}")
    print(f"fetching the weights {repository} from {constants.ENDPOINT}", file=sys.stderr)
    _require_reachable(constants.ENDPOINT)
    try:
        return Path(hf_hub_download(repository, constants.SAFETENSORS_SINGLE_FILE, etag_timeout=TIMEOUT))
    except Exception as error:  # of the Hub, its client or the disk
        raise UserError(
            f"model.weights: {repository} could not be fetched ({type(error).__name__}); {REMEDY}"
        ) from error


def _require_reachable(host: str) -> None:
    """Checks for a response of the Hub first, since its client would retry for half a minute."""
    try:
        urlopen(Request(host, method="HEAD"), timeout=TIMEOUT).close()
    except HTTPError:
        return  # it responded
    except (OSError, HTTPException, ValueError) as error:  # ValueError: the endpoint is not a URL
        reason = getattr(error, "reason", error)
        raise UserError(f"model.weights: {host} cannot be reached ({reason}); {REMEDY}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file; nothing else in it is unpickled.

    Raises:
        UserError: the file cannot be read, or contains anything but tensors by name.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # readers raise all kinds of errors
        raise UserError(
            f"model.weights: {path} is not readable as weights ({type(error).__name__}); {REMEDY}"
        ) from error
    tensors = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not tensors or not all(isinstance(each, Tensor) for each in tensors.values()):
        raise UserError(f"model.weights: {path} does not contain tensors by name; {REMEDY}")
    return tensors

"""A trained model as a folder for the Hugging Face Hub: weights as safetensors, everything else as JSON.

Nothing in such a folder is unpickled, so it is safe to load from untrusted sources.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from multiskin.errors import UserError
from multiskin.run import PRETRAINED, atomic_path

CONFIG = "config.json"
README = "README.md"
STATE = "state_dict"  # a checkpoint's key for the weights
LIBRARY = "multiskin"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")  # on the Hub: owner and name
REMEDY = "give a folder that 'multiskin export' wrote, or the name of a repository with one: owner/name"


def write_pretrained(folder: Path, config: Mapping[str, Any], state: Mapping[str, Tensor], readme: str) -> None:
    """Writes a checkpoint's weights and other sections and a model card into a folder, the weights last.

    Raises:
        OSError: no space, or no permission to write.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"library_name": LIBRARY, **config}, indent=2, ensure_ascii=False) + "\n"
    for name, content in ((CONFIG, text), (README, readme)):
        with atomic_path(folder / name) as part:
            part.write_text(content, encoding="utf-8")
    with atomic_path(folder / PRETRAINED) as part:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, part, {"format": "pt"})


def read_pretrained(folder: Path) -> dict[str, Any]:
    """Reads such a folder into the form of a checkpoint.

    Raises:
        UserError: no such folder, or not a model of multiskin.
    """
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        ours = isinstance(config, dict) and config.pop("library_name", None) == LIBRARY
        if not ours or not {"blueprint", "preprocessing"} <= config.keys():
            raise UserError(f"{folder}: not a model of multiskin; {REMEDY}")
        return config | {STATE: load_file(folder / PRETRAINED)}
    except OSError as error:
        raise UserError(f"{error.filename or folder}: {error.strerror or error}; {REMEDY}") from error
    except UserError:
        raise
    except Exception as error:  # including those of safetensors
        raise UserError(f"{folder}: damaged ({type(error).__name__}); {REMEDY}") from error


def find_pretrained(name: str, *, offline: bool = False) -> Path:
    """The local folder of that name, or else the cached folder of a repository on the Hub, downloaded if necessary.

    Raises:
        UserError: neither exists, or the Hub cannot be reached.
    """
    if Path(name).is_dir():
        return Path(name)
    if not REPOSITORY.fullmatch(name):
        raise UserError(f"{name}: no such folder; {REMEDY}")
    files = [PRETRAINED, CONFIG]
    cached = _cached_snapshot(name, files)
    if cached is not None:
        return cached
    from huggingface_hub import constants, snapshot_download

    if offline or constants.HF_HUB_OFFLINE:
        raise UserError(f"{name}: not on this machine, and offline mode was asked for; {REMEDY}")
    print(f"fetching {name} from {constants.ENDPOINT}", file=sys.stderr)
    try:
        return Path(snapshot_download(name, allow_patterns=files))
    except Exception as error:  # of the Hub, its client or the disk
        raise UserError(f"{name}: could not be fetched ({type(error).__name__}); {REMEDY}") from error


def _cached_snapshot(name: str, files: list[str]) -> Path | None:
    """The repository's folder in the Hub's cache, if it has all files."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=files, local_files_only=True))
    except Exception:  # not in the cache, or known to be incomplete
        return None
    # The client may also return an incomplete folder, as after an interrupted download.
    return folder if all((folder / file).is_file() for file in files) else None

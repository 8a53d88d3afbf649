"""A run's settings in a form that is safe to share."""

from collections.abc import Mapping
from typing import Any

from multiskin.documents import to_yaml

# Settings that hold a path, which may contain the name of a person or a machine
PATHS = ("out", "schema", "ckpt_path", "root", "manifest", "faces", "exclude", "relabel")


def without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without paths, which may contain names of people."""
    kept, data = ({key: part[key] for key in part if key not in PATHS} for part in (config, config["data"]))
    weights = config["model"]["weights"]
    model = config["model"] | {"weights": weights if weights in ("auto", "none") else "file"}
    if (data.get("skin") or {}).get("detector"):
        data["skin"] = data["skin"] | {"detector": "file"}
    if distillation := kept.get("distillation"):
        kept["distillation"] = distillation | {"teachers": len(distillation["teachers"])}
    return kept | {"data": data, "model": model}


def as_yaml(config: Mapping[str, Any]) -> str:
    """The settings without paths, as YAML."""
    return to_yaml(without_paths(config))

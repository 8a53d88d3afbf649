"""Settings that are shown to others name no people and no machines."""

from dataclasses import asdict, fields, replace

from multiskin.config import DataConfig, DistillationConfig, FitConfig, ModelConfig, SkinConfig
from multiskin.disclosure import as_yaml, without_paths

HERE = "/home/mina"


def test_no_path_is_told():
    texts = [field.name for field in fields(DataConfig) if field.type in (str, str | None)]
    paths = {name: f"{HERE}/{name}" for name in texts if name != "cache_size"}
    assert paths.keys() >= {"root", "manifest", "faces", "exclude", "relabel"}
    config = FitConfig(
        out=f"{HERE}/run",
        schema=f"{HERE}/schema.yaml",
        ckpt_path=f"{HERE}/last.ckpt",
        data=replace(DataConfig(skin=SkinConfig(detector=f"{HERE}/faces.onnx")), **paths),
        model=ModelConfig("efficientnet_b0", f"{HERE}/weights.safetensors"),
        distillation=DistillationConfig([f"{HERE}/first", f"{HERE}/second"]),
    )
    assert HERE not in as_yaml(asdict(config))
    assert without_paths(asdict(config))["distillation"] == {"teachers": 2, "weight": 1.0}
    assert without_paths(asdict(config))["model"]["weights"] == "file"
    assert without_paths(asdict(FitConfig()))["model"]["weights"] == "auto"

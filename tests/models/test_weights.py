"""Pretrained weights: complete and of the right network, or one error; no code from files, no unwanted download."""

import pickle
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import Tensor

from multiskin.config import ModelConfig
from multiskin.errors import UserError
from multiskin.models import weights as module
from multiskin.models.backbone import Backbone, pretrained_backbone
from multiskin.models.weights import find_weights, read_weights

NAME = "test_efficientnet"
PUBLISHED = {"hf_hub_id": "somebody/something", "architecture": NAME}


def start_from(weights: str | Path, name: str = NAME) -> Backbone:
    return pretrained_backbone(ModelConfig(name, weights=str(weights), input_size=64), offline=True)


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """The state dict of a complete network, including its classifier."""
    torch.manual_seed(1)
    return timm.create_model(NAME).state_dict()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def nothing_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def deaf_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", host)
        monkeypatch.setenv("no_proxy", "*")
        yield host


# ------------------------------------------------------------------------------------------------------------ the files


@pytest.mark.usefixtures("no_network")
def test_none_starts_from_random_weights() -> None:
    assert find_weights("none", {}, offline=False) is None
    one, other = start_from("none"), start_from("none")
    assert not torch.equal(one.net.conv_stem.weight, other.net.conv_stem.weight)


@pytest.mark.parametrize("file", ["weights.safetensors", "weights.pth", "nested.pth"])
@pytest.mark.usefixtures("no_network")
def test_a_file_gives_exactly_its_tensors_without_the_classifier(
    file: str, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / file
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors, "epoch": 3} if file.startswith("nested") else tensors, path)
    torch.testing.assert_close(read_weights(path), dict(tensors), rtol=0, atol=0)
    expected = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}
    backbone = start_from(path)
    torch.testing.assert_close(dict(backbone.net.state_dict()), expected, rtol=0, atol=0)
    assert backbone.training
    assert "state_dict" not in backbone.net.pretrained_cfg


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_a_file_in_half_precision_is_complete(
    precision: torch.dtype, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    tensors["bn1.running_var"] = torch.linspace(0, 900, len(tensors["bn1.running_var"]))
    halved = {name: tensor.to(precision) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    torch.save(halved, tmp_path / "weights.pth")
    loaded = start_from(tmp_path / "weights.pth").net.state_dict()
    assert torch.equal(loaded["conv_stem.weight"], halved["conv_stem.weight"].float())


class Bait:
    """Creates a file when it is unpickled unsafely."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    path, sprung = tmp_path / "weights.pth", tmp_path / "sprung"
    torch.save({"conv_stem.weight": torch.zeros(1), "bait": Bait(sprung)}, path)
    torch.load(path, weights_only=False)
    assert sprung.exists(), "the bait does not work, so this test proves nothing"
    sprung.unlink()
    with pytest.raises(UserError, match=r"weights\.pth is not readable as weights"):
        start_from(path)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("empty.pth", b""),
        ("empty.safetensors", b""),
        ("text.pth", b"weights, honestly"),
        ("text.safetensors", b"weights, honestly"),
        ("list.pth", pickle.dumps([1, 2])),
    ],
)
def test_other_files_are_one_error(file: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=rf"model\.weights: .*{file} .*local file"):
        start_from(tmp_path / file)


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [torch.zeros(2)], torch.zeros(2), {"state_dict": torch.zeros(2)}, {"state_dict": [1]}]
)
def test_a_file_without_named_tensors_is_an_error(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="does not contain tensors by name"):
        start_from(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    "change", ["another network", "half of it", "no norms", "a prefix before each name", "other names"]
)
def test_a_file_that_does_not_fit_the_backbone_is_an_error(
    change: str, tensors: dict[str, Tensor], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = {
        "another network": timm.create_model("test_resnet").state_dict(),
        "half of it": dict(list(tensors.items())[: len(tensors) // 2]),
        "no norms": {name: tensor for name, tensor in tensors.items() if "bn" not in name},
        "a prefix before each name": {f"module.{name}": tensor for name, tensor in tensors.items()},
        "other names": {"a": torch.zeros(2)},
    }[change]
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=rf"model\.weights: .*weights\.pth (does not fit|lacks tensors of) {NAME}"):
        start_from(tmp_path / "weights.pth")
    assert not caplog.records


@pytest.mark.usefixtures("no_network")
def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.weights: no file .*gone\.pth; .*'none'.*'auto'"):
        start_from(tmp_path / "gone.pth")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "weights.pth").touch()
    assert find_weights("~/weights.pth", {}, offline=True) == tmp_path / "weights.pth"


# ------------------------------------------------------------------------------------------------ timm's published ones


@pytest.mark.usefixtures("no_network")
def test_cached_weights_are_used_without_the_network(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    save_file(tensors, tmp_path / "model.safetensors")
    asked = []

    def cached(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(tmp_path / "model.safetensors")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    backbone = start_from("auto")
    assert torch.equal(backbone.net.conv_stem.weight, tensors["conv_stem.weight"])
    assert asked == [("timm/test_efficientnet.r160_in1k", "model.safetensors")]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("how", ["--offline", "HF_HUB_OFFLINE"])
@pytest.mark.usefixtures("no_network", "nothing_cached")
def test_offline_without_cached_weights_is_one_error(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", how == "HF_HUB_OFFLINE")
    with pytest.raises(UserError, match=rf"somebody/something .*{how}.*local file.*'none'"):
        find_weights("auto", PUBLISHED, offline=how == "--offline")


@pytest.mark.usefixtures("no_network")
def test_a_backbone_without_published_weights_is_an_error() -> None:
    with pytest.raises(UserError, match=r"timm publishes none for test_mambaout; .*'none'"):
        start_from("auto", "test_mambaout")


@pytest.mark.usefixtures("nothing_cached")
def test_a_hub_that_does_not_respond_is_named_and_soon_one_error(
    deaf_host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    start = time.monotonic()
    with pytest.raises(UserError, match=rf"{deaf_host} cannot be reached .*timed out.*local file.*'none'"):
        find_weights("auto", PUBLISHED, offline=False)
    assert time.monotonic() - start < 3
    assert capsys.readouterr().err == f"fetching the weights somebody/something from {deaf_host}\n"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "no address at all"])
@pytest.mark.usefixtures("nothing_cached")
def test_an_unreachable_hub_is_one_error(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(UserError, match=f"{endpoint} cannot be reached"):
        find_weights("auto", PUBLISHED, offline=False)


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("cut short")])
@pytest.mark.usefixtures("nothing_cached")
def test_a_fetch_that_fails_is_one_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module, "_require_reachable", lambda _: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(UserError, match=rf"somebody/something could not be fetched \({type(error).__name__}\)"):
        find_weights("auto", PUBLISHED, offline=False)


@pytest.mark.usefixtures("nothing_cached")
def test_a_fetch_that_succeeds_gives_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_require_reachable", lambda _: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repository, file, **_: f"/cache/{repository}/{file}")
    assert find_weights("auto", PUBLISHED, offline=False) == Path("/cache/somebody/something/model.safetensors")

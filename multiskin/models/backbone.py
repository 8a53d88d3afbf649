"""Any timm network as a backbone that returns its final feature map and the pooled features."""

import logging
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn

from multiskin.config import ModelConfig
from multiskin.errors import UserError, unknown
from multiskin.models.recomputation import recompute_blocks
from multiskin.models.weights import find_weights, read_weights


class Stage(NamedTuple):
    """An intermediate feature map of a backbone.

    Attributes:
        level: its position among the backbone's stages.
        channels: C_s, the number of its channels.
    """

    level: int
    channels: int


class Backbone(nn.Module):
    """A timm network without its classifier: images (B, 3, S, S) to the final map (B, C, h, w) and features (B, C').

    C' equals C if the network ends in pooling and a linear classifier, as EfficientNet does. The tokens of a
    transformer are returned as a square map, since all images here are square.

    Attributes:
        num_features: C', the number of features.
        mean: mean of each colour channel in pretraining, on the scale 0..1, by which images are normalized.
        std: standard deviation, likewise.
    """

    def __init__(self, net: Any) -> None:  # timm's networks have no common base class
        super().__init__()
        self.net: Any = net
        self.num_features: int = net.head_hidden_size
        data = timm.data.resolve_model_data_config(net)
        self.mean: tuple[float, ...] = data["mean"]
        self.std: tuple[float, ...] = data["std"]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.net.forward_features(images)
        features = self.net.forward_head(maps, pre_logits=True)  # (B, C')
        return self._to_nchw(maps), features

    def with_stages(self, images: Tensor, strides: Collection[int]) -> tuple[Tensor, Tensor, dict[int, Tensor]]:
        """The final map and the features, as from forward, and the stages (B, C_s, h_s, w_s) of these strides."""
        stages, ordered = self.finer_stages, sorted(strides)  # in the order in which timm returns them
        indices = [stages[stride].level for stride in ordered]
        maps, found = self.net.forward_intermediates(images, indices=indices)
        features = self.net.forward_head(maps, pre_logits=True)
        return self._to_nchw(maps), features, dict(zip(ordered, found, strict=True))

    @property
    def finer_stages(self) -> dict[int, Stage]:
        """The deepest stage of each stride (input pixels per map pixel) below that of the final map, by stride.

        Plain vision transformers, whose tokens stay on one grid, have none.
        """
        if not hasattr(self.net, "forward_intermediates"):
            return {}
        stages = [(info["reduction"], info["num_chs"]) for info in self.net.feature_info]
        coarsest, _ = stages[-1]
        return {stride: Stage(level, channels) for level, (stride, channels) in enumerate(stages) if stride < coarsest}

    def require_stage(self, stride: int, option: str) -> Stage:
        """The finer stage with a stride, which was set by this option.

        Raises:
            UserError: the backbone has no such stage.
        """
        stages = self.finer_stages
        if stride in stages:
            return stages[stride]
        remedy = f"give one of {', '.join(map(str, stages))}" if stages else "choose another backbone"
        raise UserError(
            f"{option} is {stride}; this {type(self.net).__name__} has no stage of this stride that is finer than its "
            f"final map; {remedy}, or leave the option out"
        )

    def _to_nchw(self, maps: Tensor) -> Tensor:
        """The final map as (B, C, h, w), from a map of either memory layout or from tokens."""
        if maps.ndim == 4:
            channels_last = getattr(self.net, "output_fmt", "NCHW") == "NHWC"
            return maps.permute(0, 3, 1, 2) if channels_last else maps
        tokens = maps[:, getattr(self.net, "num_prefix_tokens", 0) :]  # (B, h * w, C)
        side = math.isqrt(tokens.shape[1])
        return tokens.transpose(1, 2).unflatten(2, (side, side))


def create_backbone(config: ModelConfig) -> Backbone:
    """Creates the backbone of a config with random weights, into which a checkpoint can be loaded.

    Raises:
        UserError: a name unknown to timm, or an output stride or input size that the network does not support.
    """
    return Backbone(_create_net(config))


def pretrained_backbone(config: ModelConfig, *, offline: bool = False) -> Backbone:
    """Creates the backbone of a config with the weights that training starts from.

    Raises:
        UserError: as create_backbone; gradient checkpointing that the network does not support; or weights that are not
            available or do not fit.
    """
    backbone = _prepare_for_training(create_backbone(config), config)
    _check_forward(backbone, config)  # before downloading weights
    path = find_weights(config.weights, backbone.net.pretrained_cfg, offline=offline)
    if path is not None:
        return _prepare_for_training(Backbone(_create_pretrained_net(config, path)), config)
    _zero_init_residuals(backbone.net)
    return backbone


def _prepare_for_training(backbone: Backbone, config: ModelConfig) -> Backbone:
    """Applies the settings that only matter in training."""
    if config.gradient_checkpointing:
        recompute_blocks(backbone.net, config.backbone)
    return backbone


def _zero_init_residuals(net: nn.Module) -> None:
    """Initializes residual blocks of EfficientNet and related networks as the identity, as timm does for ResNets.

    This eases the start of training (Goyal et al., 2017, https://arxiv.org/abs/1706.02677, section 5.1).
    """
    for block in net.modules():
        norms = [getattr(block, name) for name in ("bn2", "bn3") if hasattr(block, name)]
        if norms and getattr(block, "has_skip", False):
            nn.init.zeros_(norms[-1].weight)


def _check_forward(backbone: Backbone, config: ModelConfig) -> None:
    """Runs one forward pass, since many networks fail only then, and EfficientNet accepts any output stride."""
    name, size, stride = config.backbone, config.input_size, config.output_stride
    try:
        with torch.no_grad():
            maps, _ = backbone.eval()(torch.zeros(1, 3, size, size))
    except Exception as error:  # networks raise all kinds of errors
        raise UserError(
            f"model: {name} cannot process images of {size} x {size} pixels ({_first_line(error)}); "
            "set another model.input_size or choose another backbone"
        ) from error
    backbone.train()
    if stride is not None and maps.shape[-1] != -(-size // stride):
        raise UserError(
            f"model.output_stride: {name} does not support {stride}: its map of {size} x {size} pixels would be "
            f"{maps.shape[-2]} x {maps.shape[-1]}; give 8, 16 or 32"
        )


def _create_pretrained_net(config: ModelConfig, path: Path) -> Any:
    """Creates the network with the weights of a file.

    It is created twice, since timm silently skips tensors that the file lacks: the second network is loaded with all
    numbers increased by one, and a tensor that is not one higher there did not come from the file.
    """
    logging.getLogger("timm").setLevel(logging.ERROR)  # we raise an error where it would warn of unexpected names
    tensors = read_weights(path)
    remedy = "give the file that belongs to this backbone"
    try:
        net, shifted_net = (
            _create_net(config, pretrained=True, pretrained_cfg_overlay={"state_dict": numbers})
            for numbers in (dict(tensors), {name: tensor.float() + 1 for name, tensor in tensors.items()})
        )
    except (RuntimeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"model.weights: {path} does not fit {config.backbone}: {reason}; {remedy}") from error
    shifted = shifted_net.state_dict()
    lacking = [
        name
        for name, tensor in net.state_dict().items()
        if tensor.is_floating_point() and not torch.allclose(shifted[name], tensor + 1, rtol=1e-4, atol=1e-3)
    ]
    if lacking:
        raise UserError(f"model.weights: {path} lacks tensors of {config.backbone}, such as {lacking[0]}; {remedy}")
    del net.pretrained_cfg["state_dict"]  # it would keep a second copy of all weights
    return net


def _create_net(config: ModelConfig, **pretrained: object) -> Any:
    name = config.backbone
    known = timm.list_models()
    if name not in known and not timm.is_model_pretrained(name):
        raise unknown("backbone", name, known, "model.backbone")
    size = {"img_size": config.input_size} if _needs_size(name) else {}
    stride = {} if config.output_stride is None else {"output_stride": config.output_stride}
    try:
        net = timm.create_model(name, num_classes=0, **size, **stride, **pretrained)
    except (TypeError, ValueError, NotImplementedError, AssertionError) as error:
        raise UserError(
            f"model: {name} cannot be created with input_size {config.input_size} and output_stride "
            f"{config.output_stride} ({_first_line(error)}); leave output_stride empty or choose another backbone"
        ) from error
    if not config.dilation:
        _remove_dilation(net)
    return net


def _remove_dilation(net: nn.Module) -> None:
    """Replaces dilated convolutions by plain ones, since dilated depthwise convolutions are slow on CPUs."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.dilation != (1, 1):
            layer.dilation = (1, 1)
            layer.padding = tuple(size // 2 for size in layer.kernel_size)


def _needs_size(name: str) -> bool:
    """Whether the network has a fixed input size, as most transformers have."""
    config = timm.get_pretrained_cfg(name)
    return bool(config and config.fixed_input_size)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]

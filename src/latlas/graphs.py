"""Nets as ONNX files, which run without Python: in the explorer page, on phones, in other tools.

Each kind of layer that ``latlas.nn`` has is written as the ONNX operations that compute the same;
a test holds every model, net and scope against PyTorch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latlas.contracts import FloatArray, OptionError
from latlas.models import AnyModel, PerClass
from latlas.models.autoencoder import DARKEST
from latlas.models.pca import PCAModel
from latlas.neighbours import single_threaded
from latlas.nn import ConvDecoder, ConvEncoder, ResidualBlock
from latlas.onnxfile import OnnxFile
from latlas.sheets import Sheet, SheetNet

__all__ = [
    "decoder_onnx",
    "encoder_onnx",
    "is_told",
    "members_of",
    "net_parameters",
    "sheet_onnx",
]

CLOSE = 0.9 / 255
"""How far pixels in 0..1 may be from those of PyTorch for weights to be halved."""
PROBES = 256


def members_of(model: AnyModel | PerClass) -> list[AnyModel]:
    """The models that have a graph each: the members of a model for each class, or the model."""
    if isinstance(model, PerClass):
        members: list[Any] = list(model.members)
        return members
    return [model]


def is_told(model: AnyModel) -> bool:
    """Whether encoder and decoder of this model are told the label."""
    return model.config.conditional


def net_parameters(model: AnyModel) -> dict[str, int]:
    """How many numbers the graphs ``"decoder"`` and ``"encoder"`` of a model hold."""
    if isinstance(model, PCAModel):
        both = model.components.numel() + model.mean.numel()
        return {"decoder": both, "encoder": both}
    offsets = model.offsets.numel() if is_told(model) else 0
    sizes = {
        name: sum(p.numel() for p in net.parameters())
        for name, net in (("decoder", model.decoder), ("encoder", model.encoder))
    }
    sizes["decoder"] += model.mean.numel()
    sizes["encoder"] += model.mean.numel() + offsets
    return sizes


def decoder_onnx(model: AnyModel, probe: FloatArray | None = None) -> bytes:
    """The decoder as an ONNX file.

    Inputs: ``z`` float32 [n, D] and, where the model is told labels, ``label`` float32 [n, K],
    one-hot, or zeros for no label. Output: ``image`` float32 [n, C, H, W] in 0..1. The number of
    rows n is free. Weights are float16 where that moves no pixel of the decoded probe by more
    than 0.9 / 255, otherwise float32.

    Args:
        model: one model; for a space for each class, one of ``members_of``.
        probe: latents float32 [N, D] to try this on; None: 256 draws from N(0, I).

    Raises:
        OptionError: the model has a layer that cannot be written.
    """
    z = _probe(model, probe)
    half = _half_will_do(model, lambda m: m.decode(z))
    file = OnnxFile("decoder", half=half)
    height, width, channels = model.config.shape
    code = file.input("z", [model.latent_dim])
    if isinstance(model, PCAModel):
        flat = file.add(
            "Gemm", code, file.array(_values(model.components.T)), file.array(_values(model.mean))
        )
        image = file.add("Reshape", flat, _shape(file, channels, height, width))
        image = file.add("Clip", image, _number(file, 0.0), _number(file, 1.0))
    else:
        if is_told(model):
            label = file.input("label", [model.config.classes])
            code = file.add("Concat", code, label, axis=1)
        image = _write(file, model.decoder, code)
        offset = torch.logit(model.mean, eps=DARKEST)
        image = file.add("Add", image, _exact(file, offset))
        image = file.add("Sigmoid", image)
    file.output("image", image, [channels, height, width])
    return file.to_bytes()


def encoder_onnx(model: AnyModel, probe: FloatArray | None = None) -> bytes:
    """The encoder as an ONNX file.

    Inputs: ``image`` float32 [n, C, H, W] in 0..1 and, where the model is told labels, ``label``
    as in ``decoder_onnx``. Output: ``z`` float32 [n, D], of a VAE the mean. Weights are float16
    where the decoded probe, encoded and decoded again, moves no pixel by more than 0.9 / 255.

    Args:
        model: as in ``decoder_onnx``.
        probe: as in ``decoder_onnx``.

    Raises:
        OptionError: the model has a layer that cannot be written.
    """
    with single_threaded(), torch.inference_mode():
        x = model.decode(_probe(model, probe)).clamp(0, 1)
    half = _half_will_do(model, lambda m: model.decode(m.encode(x)))
    file = OnnxFile("encoder", half=half)
    height, width, channels = model.config.shape
    image = file.input("image", [channels, height, width])
    if isinstance(model, PCAModel):
        flat = file.add("Flatten", image, axis=1)
        flat = file.add("Sub", flat, _exact(file, model.mean))
        code = file.add("MatMul", flat, file.array(_values(model.components)))
    else:
        seen = file.add("Sub", image, _exact(file, model.mean))
        seen = file.add("Div", seen, _number(file, float(model.spread)))
        if is_told(model):
            label = file.input("label", [model.config.classes])
            told = file.add("MatMul", label, file.array(_values(model.offsets.flatten(1))))
            told = file.add("Reshape", told, _shape(file, channels, height, width))
            seen = file.add("Add", seen, told)
        code = _write(file, model.encoder, seen)
        if model.code_factor > 1:
            code = _cut(file, code, [1], [model.latent_dim])
    file.output("z", code, [model.latent_dim])
    return file.to_bytes()


def sheet_onnx(sheet: Sheet) -> bytes:
    """A sheet as an ONNX file: ``xy`` float32 [n, 2] -> ``z`` float32 [n, D].

    A place of the map goes in as (xy - low) / (high - low), in 0..1.
    """
    net = sheet.net
    file = OnnxFile("sheet", half=_sheet_half_will_do(net))
    u = file.input("xy", [2])
    v = file.add("Sub", file.add("Mul", u, _number(file, 2.0)), _number(file, 1.0))
    phase = file.add("MatMul", v, _exact(file, 2 * math.pi * net.waves))
    waves = file.add("Concat", v, file.add("Sin", phase), file.add("Cos", phase), axis=1)
    z = _write(file, net.net, waves)
    z = file.add("Add", file.add("Mul", z, _exact(file, net.scale)), _exact(file, net.middle))
    file.output("z", z, [net.latent_dim])
    return file.to_bytes()


# --- halved weights ----------------------------------------------------------------------


def _probe(model: AnyModel, probe: FloatArray | None) -> Tensor:
    if probe is None:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(PROBES, model.latent_dim, generator=generator)
    return torch.from_numpy(np.ascontiguousarray(probe[:PROBES], np.float32))


def _halved(net: nn.Module) -> Any:
    """A copy whose weights are rounded as those of a file with ``half`` are."""
    rounded = copy.deepcopy(net)
    with torch.no_grad():
        for name, value in rounded.state_dict().items():
            if name == "components" or (value.ndim > 1 and name != "mean"):
                value.copy_(value.half().float())
    return rounded


def _half_will_do(model: AnyModel, images: Callable[[Any], Tensor]) -> bool:
    with single_threaded(), torch.inference_mode():
        moved = (images(_halved(model)).clamp(0, 1) - images(model).clamp(0, 1)).abs()
        return bool((moved <= CLOSE).all())


def _sheet_half_will_do(net: SheetNet) -> bool:
    """Whether halved weights move the latents by less than a hundredth of their deviation."""
    u = torch.rand(PROBES, 2, generator=torch.Generator().manual_seed(0))
    with single_threaded(), torch.inference_mode():
        halved = copy.deepcopy(net)
        halved.net = _halved(net.net)
        moved = (halved.unscaled(u) - net.unscaled(u)).abs()
        return bool((moved <= 0.01).all())


# --- layers ------------------------------------------------------------------------------


def _write(file: OnnxFile, layer: nn.Module, x: str) -> str:
    """Adds what a layer computes from the value ``x``; returns the name of the result."""
    for kind, write in _WRITERS.items():
        if isinstance(layer, kind):
            return write(file, layer, x)
    raise OptionError(
        f"the net has a layer {type(layer).__name__}, which latlas cannot write as ONNX. Add it to "
        "latlas.graphs, or use a model of another net."
    )


def _sequential(file: OnnxFile, layer: Any, x: str) -> str:
    for inner in layer:
        x = _write(file, inner, x)
    return x


def _linear(file: OnnxFile, layer: Any, x: str) -> str:
    weight, bias = file.array(_values(layer.weight)), file.array(_values(layer.bias))
    return file.add("Gemm", x, weight, bias, transB=1)


def _convolution(file: OnnxFile, layer: Any, x: str) -> str:
    weight, bias = file.array(_values(layer.weight)), file.array(_values(layer.bias))
    return file.add(
        "Conv",
        x,
        weight,
        bias,
        kernel_shape=layer.kernel_size,
        strides=layer.stride,
        pads=(*layer.padding, *layer.padding),
    )


def _silu(file: OnnxFile, layer: Any, x: str) -> str:
    return file.add("Mul", x, file.add("Sigmoid", x))


def _residual(file: OnnxFile, layer: Any, x: str) -> str:
    inner = _convolution(file, layer.first, _silu(file, None, x))
    inner = _convolution(file, layer.second, _silu(file, None, inner))
    return file.add("Add", x, inner)


def _conv_encoder(file: OnnxFile, layer: Any, x: str) -> str:
    if any(layer.pad):
        left, right, top, bottom = layer.pad
        pads = file.array(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        x = file.add("Pad", x, pads, mode="edge")
    features = _silu(file, None, _write(file, layer.features, x))
    return _linear(file, layer.head, file.add("Flatten", features, axis=1))


def _conv_decoder(file: OnnxFile, layer: Any, x: str) -> str:
    x = _write(file, layer.layers, x)
    return _cut(file, x, [2, 3], layer.shape[:2])


_WRITERS: dict[type[nn.Module], Callable[[OnnxFile, Any, str], str]] = {
    nn.Sequential: _sequential,
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.SiLU: _silu,
    nn.Flatten: lambda file, layer, x: file.add("Flatten", x, axis=1),
    nn.Unflatten: lambda file, layer, x: file.add(
        "Reshape", x, _shape(file, *layer.unflattened_size)
    ),
    nn.PixelShuffle: lambda file, layer, x: file.add(
        "DepthToSpace", x, blocksize=layer.upscale_factor, mode="CRD"
    ),
    ResidualBlock: _residual,
    ConvEncoder: _conv_encoder,
    ConvDecoder: _conv_decoder,
}


def _cut(file: OnnxFile, x: str, axes: list[int], ends: Any) -> str:
    """The first entries of some axes."""
    numbers = ([0] * len(axes), list(ends), axes)
    return file.add("Slice", x, *(file.array(np.array(n, np.int64)) for n in numbers))


def _shape(file: OnnxFile, *sides: int) -> str:
    """The shape of rows of some sides, for Reshape: 0 keeps the number of rows."""
    return file.array(np.array([0, *sides], np.int64))


def _number(file: OnnxFile, value: float) -> str:
    return file.array(np.array(value, np.float32))


def _exact(file: OnnxFile, value: Tensor) -> str:
    """A constant that is not halved."""
    return file.array(_values(value), exact=True)


def _values(value: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = value.detach().cpu().numpy()
    return array

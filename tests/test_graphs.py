"""Nets as ONNX files compute what PyTorch computes."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from latlas.contracts import OptionError
from latlas.graphs import decoder_onnx, encoder_onnx, members_of, net_parameters, sheet_onnx
from latlas.models import MODELS, ModelConfig, PerClass, build_model
from latlas.onnxfile import FLOAT16, OnnxFile
from latlas.sheets import Sheet, SheetNet

SHAPES = {"dense": (5, 7, 1), "conv": (9, 13, 3)}
CASES = [
    (name, net, conditional)
    for name, net, conditional in itertools.product(MODELS, SHAPES, (False, True))
    if not (name == "pca" and (conditional or net == "conv"))
]


def shaken(name, net, conditional, scale=0.1, **options):
    """A model of which no part is at its first value, so that each matters."""
    config = ModelConfig(
        SHAPES[net], latent_dim=4, net=net, classes=3, conditional=conditional, width=0.25
    )
    model = build_model(name, config, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            value.add_(scale * torch.randn(value.shape, generator=generator))
        model.mean.copy_(torch.rand(model.mean.shape, generator=generator))
        if name != "pca":
            model.spread.fill_(0.4)
    return model.eval()


def run(data, feed):
    return ReferenceEvaluator(onnx.load_from_string(data)).run(None, feed)[0]


def told(conditional, labels):
    hot = (np.array(labels)[:, None] == np.arange(3)).astype(np.float32)
    return {"label": hot} if conditional else {}


@pytest.mark.parametrize(("name", "net", "conditional"), CASES)
def test_a_decoder_draws_the_images_of_pytorch(name, net, conditional):
    model = shaken(name, net, conditional)
    z = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    labels = [0, 1, 2, -1, 0, 2]
    data = decoder_onnx(model)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    images = run(data, {"z": z} | told(conditional, labels))
    with torch.no_grad():
        expected = model.decode(torch.from_numpy(z), torch.tensor(labels)).clamp(0, 1).numpy()
    assert images.shape == expected.shape
    assert np.abs(images - expected).max() <= 1 / 255
    assert expected.std() > 0.02  # no flat images, which would be easy


@pytest.mark.parametrize(("name", "net", "conditional"), CASES)
def test_an_encoder_gives_the_latents_of_pytorch(name, net, conditional):
    model = shaken(name, net, conditional)
    height, width, channels = SHAPES[net]
    x = np.random.default_rng(0).random((5, channels, height, width)).astype(np.float32)
    labels = [2, -1, 0, 1, 2]
    data = encoder_onnx(model)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    z = run(data, {"image": x} | told(conditional, labels))
    with torch.no_grad():
        expected = model.encode(torch.from_numpy(x), torch.tensor(labels)).numpy()
    assert z.shape == (5, 4)
    assert np.abs(z - expected).max() <= 0.01 * expected.std()


def test_the_label_changes_what_is_drawn():
    data = decoder_onnx(shaken("rae", "dense", True))
    z = np.zeros((2, 4), np.float32)
    first, second = run(data, {"z": z} | told(True, [0, 1]))
    assert np.abs(first - second).max() > 1e-3


def test_any_number_of_rows_goes_in():
    data = decoder_onnx(shaken("ae", "conv", False))
    for count in (1, 3):
        assert len(run(data, {"z": np.zeros((count, 4), np.float32)})) == count


def test_each_member_of_a_model_for_each_class_has_a_graph():
    members = [shaken("rae", "dense", False, seed=seed) for seed in (0, 1)]
    model = PerClass(members, [0, 1, 1], ["a", "b", "c"])
    z = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    graphs = [decoder_onnx(member) for member in members_of(model)]
    with torch.no_grad():
        for label, owner in enumerate(model.owners):
            expected = model.decode(torch.from_numpy(z), torch.full((3,), label)).numpy()
            assert np.abs(run(graphs[owner], {"z": z}) - expected).max() <= 1 / 255
    assert members_of(members[0]) == [members[0]]


def test_halved_weights_take_half_the_bytes():
    model = shaken("rae", "dense", False)
    data = decoder_onnx(model)
    kinds = {each.data_type for each in onnx.load_from_string(data).graph.initializer}
    assert FLOAT16 in kinds
    numbers = net_parameters(model)["decoder"]
    assert 2 * numbers < len(data) < 2.5 * numbers + 2000


def test_weights_stay_whole_where_halving_would_show():
    """Weights that nearly cancel: rounded to half they leave another image."""
    model = shaken("pca", "dense", False)
    with torch.no_grad():
        model.components.copy_(100 * torch.randn(model.components.shape))
    z = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32) / 200
    data = decoder_onnx(model, z)
    kinds = {each.data_type for each in onnx.load_from_string(data).graph.initializer}
    with torch.no_grad():
        expected = model.decode(torch.from_numpy(z)).clamp(0, 1).numpy()
    assert np.abs(run(data, {"z": z}) - expected).max() <= 1 / 255
    with torch.no_grad():
        model.components.mul_(1e5)  # beyond what half can hold
    whole = onnx.load_from_string(decoder_onnx(model, z)).graph.initializer
    assert FLOAT16 not in {each.data_type for each in whole}
    assert kinds


def test_a_sheet_gives_its_latents():
    torch.manual_seed(0)
    sheet = Sheet(SheetNet(3), np.float32([-2, 0]), np.float32([2, 8]), 0.1)
    sheet.net.middle.copy_(torch.tensor([1.0, -2.0, 0.0]))
    sheet.net.scale.copy_(torch.tensor([1.0, 0.5, 3.0]))
    xy = np.random.default_rng(0).uniform([-2, 0], [2, 8], (9, 2)).astype(np.float32)
    data = sheet_onnx(sheet)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    z = run(data, {"xy": (xy - sheet.low) / (sheet.high - sheet.low)})
    expected = sheet.latents(xy)
    assert np.abs(z - expected).max() <= 0.02 * expected.std()


def test_a_layer_that_cannot_be_written_is_named():
    model = shaken("rae", "dense", False)
    model.decoder.append(nn.Tanhshrink())
    with pytest.raises(OptionError, match="layer Tanhshrink"):
        decoder_onnx(model)


def test_a_file_holds_numbers_of_every_kind():
    """Negative and long integers, floats and words survive the format."""
    file = OnnxFile("trial")
    x = file.input("x", [3])
    shape = file.array(np.array([-1, 1], np.int64))
    y = file.add("Reshape", file.add("LeakyRelu", x, alpha=0.25), shape)
    file.output("y", file.add("Flatten", y, axis=-1), [1])
    model = onnx.load_from_string(file.to_bytes())
    assert model.graph.node[0].attribute[0].f == 0.25
    assert model.graph.node[2].attribute[0].i == -1
    y = ReferenceEvaluator(model).run(None, {"x": np.float32([[-4, 0, 300]])})[0]
    assert y.ravel().tolist() == [-1, 0, 300]

"""FID is only taken with a network of Inception's form, which the user hands over."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import latlas
from latlas.contracts import NoProgress, OptionError, SourceError
from latlas.inception import FEATURES, Inception
from latlas.measures.generation import frechet_distance

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Stand(nn.Module):
    """A net of Inception's form: random features of the mean colour and of single pixels."""

    def __init__(self, length: int = FEATURES) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("mix", torch.randn(3 * 16, length, generator=generator))

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        small = nn.functional.interpolate(x.float() / 255, size=(4, 4))
        return small.flatten(1) @ self.mix


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "inception.pt"
    torch.jit.save(torch.jit.script(Stand()), str(path))
    return path


def test_features_are_those_of_the_network_on_three_channels_of_bytes(network):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
    found = Inception(network).features(pixels)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    assert found.shape == (60, FEATURES)
    assert np.allclose(found, Stand()(x).numpy(), atol=1e-5)


def test_measure_adds_fid_beside_its_floor_and_the_decoders_share(network, space):
    scores = space.measure(
        ("generation",), priors=["gaussian"], inception=network, progress=NoProgress()
    )
    found = {score.name: score for score in scores}
    by_class, all_at_once = found["fid:gaussian by class"], found["fid:gaussian"]
    assert 0 < by_class.value < all_at_once.value
    assert by_class.detail["network"] == "inception.pt"
    assert by_class.detail["baselines"]["reconstructions"] < by_class.value
    assert {score.name for score in space.scores} >= set(found)
    rows = np.flatnonzero(space.latents.splits == 0)
    held = np.flatnonzero(space.latents.splits == 1)
    eyes = Inception(network)
    floor = frechet_distance(eyes.features(space.pixels(rows)), eyes.features(space.pixels(held)))
    assert by_class.floor == pytest.approx(floor, rel=1e-5)


def test_a_file_that_is_none_is_answered_before_any_work(space, tmp_path):
    with pytest.raises(SourceError, match="there is no file"):
        space.measure(("generation",), inception=tmp_path / "no.pt")
    (tmp_path / "text.pt").write_text("not a network")
    with pytest.raises(SourceError, match="not a TorchScript file"):
        Inception(tmp_path / "text.pt")


def test_another_network_is_not_called_inception(tmp_path):
    path = tmp_path / "other.pt"
    torch.jit.save(torch.jit.script(Stand(64)), str(path))
    with pytest.raises(OptionError, match="may be called FID"):
        Inception(path).features(np.zeros((2, 8, 8, 3), np.uint8))


def test_latlas_without_the_file_speaks_of_no_fid(space):
    names = {score.name for score in space.measure(("generation",), priors=["gaussian"])}
    assert not any("fid" in name.lower() for name in names)
    assert latlas.__version__

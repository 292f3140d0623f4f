"""One contract for every model, written as mathematics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conftest import blobs
from latlas.contracts import Decoder, Encoder, OptionError, Solvable, Trainable
from latlas.models import MODELS, ModelConfig, build_model
from latlas.models.autoencoder import maximum_mean_discrepancy
from latlas.models.pca import PCAModel, _exact, _sketched

SHAPES = [(8, 8, 1), (9, 13, 3), (28, 28, 1), (32, 32, 3), (64, 48, 3), (128, 128, 3)]
TRAINED = [name for name, kind in MODELS.items() if not issubclass(kind, PCAModel)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(shape, count=4, seed=0):
    height, width, channels = shape
    return torch.rand(count, channels, height, width, generator=generator(seed))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 13, 3)])
def test_encoder_and_decoder_keep_shapes(name, shape):
    model = build_model(name, ModelConfig(shape, latent_dim=5))
    x = images(shape)
    z = model.encode(x)
    assert isinstance(model, Encoder)
    assert isinstance(model, Decoder)
    assert z.shape == (4, 5)
    assert model.decode(z).shape == x.shape


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("net", ["dense", "conv"])
def test_both_nets_take_every_shape(shape, net):
    model = build_model("ae", ModelConfig(shape, latent_dim=2, net=net, width=0.25))
    x = images(shape, 2)
    assert model.decode(model.encode(x)).shape == x.shape


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("net", ["dense", "conv"])
def test_gradient_reaches_every_parameter(name, net):
    model = build_model(name, ModelConfig((8, 8, 1), latent_dim=3, net=net))
    assert isinstance(model, Trainable)
    model.prepare(images((8, 8, 1), 16))
    # The residual branches begin at zero, which hides the layers before: move off that point.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator()))
    model.losses(images((8, 8, 1), 16), generator())["loss"].backward()
    silent = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("name", TRAINED)
def test_losses_repeat_with_their_generator(name):
    model = build_model(name, ModelConfig((8, 8, 1), latent_dim=3))
    x = images((8, 8, 1), 16)
    first = model.losses(x, generator(1))
    again = model.losses(x, generator(1))
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in again.items()}
    assert {"loss", "mse"} <= set(first)


@pytest.mark.parametrize("name", MODELS)
def test_weights_follow_the_seed_and_leave_the_global_state(name):
    config = ModelConfig((8, 8, 1), latent_dim=3)
    before = torch.random.get_rng_state()
    same = [build_model(name, config, seed=1).state_dict() for _ in range(2)]
    other = build_model(name, config, seed=2).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(same[0][k], same[1][k]) for k in same[0])
    if name in TRAINED:
        assert any(not torch.equal(same[0][k], other[k]) for k in other)


@pytest.mark.parametrize("name", MODELS)
def test_settings_build_the_same_model_again(name):
    model = build_model(name, ModelConfig((9, 13, 3), latent_dim=4, width=0.5, beta=0.3))
    settings = model.settings()
    again = build_model(name, ModelConfig(**settings))
    again.load_state_dict(model.state_dict())
    x = images((9, 13, 3))
    assert torch.equal(model.encode(x), again.encode(x))


@pytest.mark.parametrize("name", TRAINED)
def test_beta_zero_leaves_only_the_reconstruction(name):
    model = build_model(name, ModelConfig((8, 8, 1), latent_dim=3, beta=0.0))
    x = images((8, 8, 1), 16)
    losses = model.losses(x, generator())
    if name == "vae":
        expected = losses["mse"].detach() / 2
    else:
        y = model.decode(model.encode(x)).detach()
        expected = -(x * y.log() + (1 - x) * (1 - y).log()).mean()
        assert losses["mse"].item() == pytest.approx(float((x - y).square().mean()))
    assert losses["loss"].item() == pytest.approx(float(expected), rel=1e-5)


def test_the_cross_entropy_is_least_where_pixels_are_met():
    model = build_model("ae", ModelConfig((8, 8, 1), latent_dim=3))
    z = torch.randn(5, 3, generator=generator())
    x = model.decode(z).detach()
    loss, mse = model.reconstruction(x, z)
    gradient = torch.autograd.grad(loss, list(model.decoder.parameters()))
    assert max(float(g.abs().max()) for g in gradient) < 1e-6
    assert float(mse) == pytest.approx(0)


def test_vae_divergence_is_that_of_gaussians():
    model = build_model("vae", ModelConfig((8, 8, 1), latent_dim=3))
    x = images((8, 8, 1), 64)
    mean, log_variance = model.posterior(x)
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    kl, variance = model.usage(x)
    assert torch.allclose(kl, expected.mean(0), atol=1e-5)
    assert torch.allclose(variance, mean.var(0, unbiased=False))


def test_discrepancy_is_nought_for_one_distribution_and_grows_with_distance():
    a, b = torch.randn(2, 512, 4, generator=generator())
    scales = (0.1, 1.0, 10.0)
    near = maximum_mean_discrepancy(a, b, scales)
    far = maximum_mean_discrepancy(a, b + 2, scales)
    assert abs(float(near)) < 0.01
    assert float(far) > 0.3
    assert float(maximum_mean_discrepancy(a, b, scales)) == pytest.approx(
        float(maximum_mean_discrepancy(b, a, scales)), abs=1e-6
    )
    assert float(maximum_mean_discrepancy(a[:1], b[:1], scales)) == 0


def test_pca_is_the_best_linear_autoencoder():
    pixels = blobs(300, (8, 8, 1)).pixels
    model = build_model("pca", ModelConfig((8, 8, 1), latent_dim=5))
    assert isinstance(model, Solvable)
    model.solve(pixels)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    error = (model.decode(model.encode(x)) - x).square().sum()
    values = torch.linalg.svdvals(x.flatten(1) - x.flatten(1).mean(0))
    assert float(error) == pytest.approx(float(values[5:].square().sum()), rel=1e-3)
    identity = model.components.T @ model.components
    assert torch.allclose(identity, torch.eye(5), atol=1e-5)


def test_sketched_components_span_the_exact_ones():
    pixels = blobs(300, (16, 16, 1)).pixels
    mean = torch.from_numpy(pixels.reshape(300, -1)).float().mean(0) / 255
    rows = np.arange(300)
    exact, sketched = _exact(pixels, rows, mean, 3), _sketched(pixels, rows, mean, 3)
    cosines = torch.linalg.svdvals(exact.T @ sketched)
    assert float(cosines.min()) > 0.999


def test_pca_asks_for_as_many_images_as_dimensions():
    model = build_model("pca", ModelConfig((8, 8, 1), latent_dim=5))
    with pytest.raises(OptionError, match="only 3 training images"):
        model.solve(blobs(3).pixels)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latent_dim": 0}, "between 1 and"),
        ({"latent_dim": 65}, "64 for 8x8x1"),
        ({"width": 0}, "above 0"),
        ({"net": "transformer"}, "auto, dense, conv"),
        ({"beta": float("nan")}, "from 0 upwards"),
    ],
)
def test_settings_out_of_range_are_named(settings, said):
    with pytest.raises(OptionError, match=said):
        ModelConfig((8, 8, 1), **settings)


def test_an_unknown_model_is_answered_with_the_choices():
    with pytest.raises(OptionError, match="rae, ae, vae, wae, pca"):
        build_model("gan", ModelConfig((8, 8, 1)))

import importlib
import json
import math

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from latlas.contracts import MissingExtraError, OptionError
from latlas.priors import FlowPrior, GaussianPrior, NSFPrior
from latlas.priors.flow import VelocityField
from latlas.priors.learned import Bend, LearnedPrior


def ring(count, seed=0):
    """Points around a circle of radius 3: nothing that one Gaussian could hold."""
    generator = np.random.default_rng(seed)
    angle, radius = generator.uniform(0, 2 * math.pi, count), generator.normal(3, 0.3, count)
    return (radius * [np.cos(angle), np.sin(angle)]).T.astype(np.float32)


def bar(count, seed=0):
    return (np.random.default_rng(seed).normal(size=(count, 2)) * [2.0, 0.2] + [9, 1]).astype("f")


def ring_and_bar(count=800, seed=0):
    labels = np.r_[np.full(count, 3), np.full(count, 8)]
    return np.r_[ring(count, seed), bar(count, seed)], labels


@pytest.fixture(scope="module")
def flow():
    return FlowPrior(epochs=25).fit(*ring_and_bar())


@pytest.fixture(scope="module")
def nsf():
    pytest.importorskip("zuko")
    return NSFPrior(epochs=10).fit(*ring_and_bar())


@pytest.fixture(params=["flow", "nsf"])
def prior(request):
    return request.getfixturevalue(request.param)


def random_field(D, classes=2):
    """A velocity field of moderate size that is not 0."""
    torch.manual_seed(0)
    field = VelocityField(D, classes)
    for layer in (field.A, field.B, field.C):
        torch.nn.init.normal_(layer.weight, std=0.3 / math.sqrt(layer.weight.shape[1]))
    return field.double()


# --- the velocity field ------------------------------------------------------------------


@pytest.mark.parametrize("D", [1, 3])
def test_the_divergence_is_the_trace_of_the_jacobian(D):
    field = random_field(D)
    x = torch.randn(5, D, dtype=torch.float64)
    at = field.conditions(torch.linspace(0, 1.5, 5, dtype=torch.float64), torch.arange(5) % 3)
    velocity, divergence = field.with_divergence(x, at)
    torch.testing.assert_close(velocity, field(x, at))
    jacobian = torch.autograd.functional.jacobian(lambda y: field(y, at).sum(0), x)
    torch.testing.assert_close(divergence, torch.einsum("dbd->b", jacobian))


def test_a_new_field_leaves_the_gaussian_as_it_is():
    x = torch.randn(7, 3)
    field = VelocityField(3, 0)
    assert torch.equal(field.push(x, 0), x)
    noise, change = field.pull(x, 0)
    assert torch.equal(noise, x)
    assert torch.equal(change, torch.zeros(7))


def test_the_loss_of_no_velocity_is_the_variance():
    """With u = 0, E|cos θ x₁ - sin θ x₀|² / D is 1 for standardised data."""
    field, generator = VelocityField(4, 0), torch.Generator().manual_seed(0)
    losses = field.losses(torch.randn(20_000, 8, 1, 1, generator=generator), generator)
    assert losses["loss"].item() == losses["gaussian"].item() == pytest.approx(1, abs=0.02)


def test_a_linear_field_has_the_density_of_its_gaussian():
    """With u = C x the flow is exp(π C / 2): a Gaussian again, whose density is known."""
    field, rate = VelocityField(2, 0), torch.tensor([[0.3, 0.2], [-0.1, -0.4]])
    with torch.no_grad():
        field.C.weight.copy_(rate)
        x = torch.randn(50, 2) * 2
        noise, change = field.pull(x, 0)
        pushed = field.push(noise, 0)
    A = torch.linalg.matrix_exp(math.pi / 2 * rate)
    ours = change - noise.square().sum(1) / 2 - math.log(2 * math.pi)
    true = torch.distributions.MultivariateNormal(torch.zeros(2), A @ A.T).log_prob(x)
    torch.testing.assert_close(ours, true, atol=0.01, rtol=0)
    torch.testing.assert_close(pushed, x, atol=0.01, rtol=0)


def test_gradients_reach_every_parameter():
    field, generator = random_field(2).float(), torch.Generator().manual_seed(0)
    losses = field.losses(torch.randn(64, 4, 1, 1), generator, torch.arange(64) % 3 - 1)
    losses["loss"].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in field.parameters())


def test_unknown_labels_count_for_everything():
    """A row without a label is seen in the frame of everything, as one whose label is left out."""

    class Spy(Bend):
        def loss(self, x, index, generator):
            self.seen = x, index
            return x.sum(), x.sum()

        push = pull = None

    spy, labels = Spy(1, 2), torch.tensor([-1, 0, 1]).repeat(1000)
    x = torch.tensor([[5.0, 7.0]]).expand(3000, 2)[:, :, None, None]  # own frame, everything's
    spy.losses(x, torch.Generator().manual_seed(0), labels)
    frame, index = spy.seen
    assert set(index[0::3].tolist()) == {0}
    assert set(index[1::3].tolist()) == {0, 1}
    assert set(index[2::3].tolist()) == {0, 2}
    assert 0.1 < (index[1::3] == 0).float().mean() < 0.2
    torch.testing.assert_close(frame[:, 0], torch.where(index == 0, 7.0, 5.0))


# --- what is learnt ----------------------------------------------------------------------


def test_a_ring_is_learnt_for_its_label_and_for_everything(prior):
    unseen = ring(500, seed=1)
    gaussian = GaussianPrior().fit(*ring_and_bar())
    assert prior.learnt == (None, 3, 8)
    for label in (3, None):
        gain = prior.log_density(unseen, label).mean() - gaussian.log_density(unseen, label).mean()
        assert gain > 0.15
    radius = np.linalg.norm(prior.sample(1000, 3), axis=1)
    assert np.median(radius) == pytest.approx(3, abs=0.3)
    assert (radius < 1).mean() < 0.5 * (np.linalg.norm(gaussian.sample(1000, 3), axis=1) < 1).mean()


def test_a_gaussian_keeps_its_density(prior):
    """The true log density of the bar, to a few hundredths of a nat."""
    z = bar(1000, seed=1)
    true = -0.5 * np.square((z - [9, 1]) / [2.0, 0.2]).sum(axis=1)
    true -= math.log(2 * math.pi * 2.0 * 0.2)
    assert prior.log_density(z, 8).mean() == pytest.approx(true.mean(), abs=0.08)


def test_the_density_is_that_of_the_samples(prior):
    """The share of samples in a square is the integral of the density over it."""
    drawn = prior.sample(3000, 3, seed=2)
    inside = ((drawn > [0, 0]) & (drawn < [3, 3])).all(axis=1).mean()
    axis = np.arange(0.05, 3, 0.1)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    assert np.exp(prior.log_density(grid, 3)).sum() * 0.01 == pytest.approx(inside, abs=0.04)


def test_temperature_scales_the_noise(prior):
    usual, cold = (prior.sample(300, 8, temperature=t, seed=3) for t in (1.0, 0.2))
    assert (cold.std(axis=0) < 0.4 * usual.std(axis=0)).all()
    frozen = prior.sample(20, 8, temperature=1e-9)
    np.testing.assert_allclose(frozen, np.broadcast_to(frozen[0], frozen.shape), atol=1e-4)


# --- repeatable --------------------------------------------------------------------------


def test_rows_do_not_depend_on_those_beside_them(prior):
    drawn = prior.sample(600, 3, seed=4)
    np.testing.assert_array_equal(drawn[:7], prior.sample(7, 3, seed=4))
    np.testing.assert_array_equal(
        prior.log_density(drawn, 3)[300:305], prior.log_density(drawn[300:305], 3)
    )


@pytest.mark.parametrize("member", [FlowPrior, NSFPrior], ids=lambda member: member.name)
def test_the_same_seed_fits_the_same(member):
    if member is NSFPrior:
        pytest.importorskip("zuko")
    z, labels = ring_and_bar(250)
    torch.manual_seed(5)
    one = member(seed=3, epochs=2).fit(z, labels)
    state = torch.get_rng_state()
    other = member(seed=3, epochs=2).fit(z, labels)
    assert torch.equal(state, torch.get_rng_state())  # what others draw is left alone
    assert one.result.best_loss == other.result.best_loss
    np.testing.assert_array_equal(one.sample(9, 3), other.sample(9, 3))
    for seed in (4, 2**40):
        third = member(seed=seed, epochs=2).fit(z, labels)
        assert third.result.best_loss != one.result.best_loss


def test_a_state_brings_everything_back(prior):
    config, arrays = prior.state()
    restored = type(prior).from_state(json.loads(json.dumps(config)), load(save(arrays)))
    z, _ = ring_and_bar(50, seed=2)
    assert restored.learnt == prior.learnt
    assert (restored.seed, restored.epochs) == (prior.seed, prior.epochs)
    for label in (None, 3, 8):
        np.testing.assert_array_equal(restored.sample(20, label), prior.sample(20, label))
        np.testing.assert_array_equal(restored.log_density(z, label), prior.log_density(z, label))
    assert restored.state()[0] == config
    assert all((restored.state()[1][name] == value).all() for name, value in arrays.items())


def test_a_state_does_not_change_with_the_prior(flow):
    _, arrays = flow.state()
    arrays["net.A.weight"][:] = 0
    assert flow.state()[1]["net.A.weight"].any()


@pytest.mark.parametrize(
    "damage",
    [
        lambda c, a: a.pop("net.A.weight"),
        lambda c, a: a.update({"net.A.weight": a["net.A.weight"] * np.nan}),
        lambda c, a: a.update({"net.A.weight": a["net.A.weight"].astype(np.float64)}),
        lambda c, a: a.update({"net.A.weight": a["net.A.weight"][:, :5]}),
        lambda c, a: c.pop("learnt"),
        lambda c, a: c.update(learnt=["all", "4"]),
        lambda c, a: c.update(learnt=["3"]),
        lambda c, a: c.update(learnt=3),
        lambda c, a: c.update(epochs=0),
    ],
)
def test_a_damaged_net_is_refused(flow, damage):
    config, arrays = flow.state()
    damage(config, arrays)
    with pytest.raises(ValueError, match="prior 'flow' is damaged"):
        FlowPrior.from_state(config, arrays)


# --- few rows ----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 19, 399])
def test_few_rows_keep_the_gaussian(rows):
    z = ring(rows)
    labels = np.arange(rows) % 2
    prior, gaussian = FlowPrior().fit(z, labels), GaussianPrior().fit(z, labels)
    assert prior.learnt == ()
    restored = FlowPrior.from_state(*prior.state())
    for label in (None, *prior.classes.tolist()):
        np.testing.assert_array_equal(restored.sample(9, label), gaussian.sample(9, label))
        np.testing.assert_array_equal(prior.log_density(z, label), gaussian.log_density(z, label))


def test_a_label_with_few_rows_keeps_its_gaussian():
    z, labels = ring_and_bar(400)
    labels[400 + 19 :] = -1
    prior, gaussian = FlowPrior(epochs=15).fit(z, labels), GaussianPrior().fit(z, labels)
    assert prior.learnt == (None, 3)
    np.testing.assert_array_equal(prior.sample(9, 8), gaussian.sample(9, 8))
    assert (prior.sample(9, 3) != gaussian.sample(9, 3)).any()


def test_gaussian_rows_keep_the_gaussian():
    z = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)
    prior = FlowPrior(epochs=5).fit(z)
    assert prior.result is not None
    assert prior.learnt == ()
    np.testing.assert_array_equal(prior.sample(9), GaussianPrior().fit(z).sample(9))


def test_a_second_fit_forgets_the_first(flow):
    z, labels = ring_and_bar(250)
    prior = FlowPrior(epochs=2).fit(z, labels)
    assert prior.result is not None
    prior.fit(z[:5])
    assert prior.learnt == ()
    assert prior.result is None
    assert prior.classes.tolist() == []


# --- words -------------------------------------------------------------------------------


def test_wrong_settings_are_answered_in_words():
    for member in (FlowPrior, NSFPrior):
        assert issubclass(member, LearnedPrior)
        with pytest.raises(OptionError, match="epochs is 0; expected a whole number from 1 on"):
            member(epochs=0)


def test_without_zuko_the_message_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    prior = NSFPrior(epochs=1)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"latlas\[flows\]"):
        prior.fit(ring(500))

import importlib
import json
import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from latlas.contracts import MissingExtraError, NoProgress, OptionError
from latlas.priors import FlowPrior, GaussianPrior, GMMPrior, NSFPrior
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


class OneGaussian(LearnedPrior):
    """The flow with everything left to the net: it begins with a Gaussian, not with a mixture."""

    name = "bare"
    base = GaussianPrior

    def _new_bend(self, D, owners):
        return VelocityField(D, owners)


@pytest.fixture(scope="module")
def bare():
    return OneGaussian(epochs=25).fit(*ring_and_bar())


@pytest.fixture(scope="module")
def nsf():
    pytest.importorskip("zuko")
    return NSFPrior(epochs=6).fit(*ring_and_bar())


@pytest.fixture(scope="module")
def flow():
    """A flow on mixtures, with a net that bends them much."""
    flow = FlowPrior().fit(ring(300), np.arange(300) % 2)
    flow._bend, flow.learnt = random_field(2, flow._fresh().owners.numpy()), (None, 0)
    return flow


@pytest.fixture(params=["bare", "nsf"])
def prior(request):
    return request.getfixturevalue(request.param)


def random_field(D, owners):
    """A velocity field of moderate size that is not 0."""
    torch.manual_seed(0)
    field = VelocityField(D, np.asarray(owners))
    for layer in (field.A, field.B, field.C):
        torch.nn.init.normal_(layer.weight, std=0.3 / math.sqrt(layer.weight.shape[1]))
    return field


# --- the velocity field ------------------------------------------------------------------


@pytest.mark.parametrize("D", [1, 3])
def test_the_divergence_is_the_trace_of_the_jacobian(D):
    field = random_field(D, [0, 0, 1]).double()
    x = torch.randn(5, D, dtype=torch.float64)
    at = field.shifts(torch.linspace(0, 1.5, 5, dtype=torch.float64), torch.arange(5) % 3)
    velocity, divergence = field.with_divergence(x, at)
    torch.testing.assert_close(velocity, field(x, at))
    for row in range(5):
        place = x[row].clone().requires_grad_()
        here = [part[row : row + 1] for part in at]
        out = field(place[None], type(at)(*here))[0]
        trace = sum(torch.autograd.grad(out[d], place, retain_graph=True)[0][d] for d in range(D))
        torch.testing.assert_close(divergence[row], trace)


def test_a_new_field_leaves_the_gaussian_as_it_is():
    x, index = torch.randn(7, 3), torch.zeros(7, dtype=torch.int64)
    field = VelocityField(3, np.array([0]))
    assert torch.equal(field.push(x, index), x)
    noise, change = field.pull(x, index)
    assert torch.equal(noise, x)
    assert torch.equal(change, torch.zeros(7))


def test_the_loss_of_no_velocity_is_the_variance():
    """With u = 0, E|cos θ x₁ - sin θ x₀|² / D is 1 for standardised data."""
    field, generator = VelocityField(4, np.array([0])), torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 8, 1, 1, generator=generator)
    losses = field.losses(x, generator, torch.zeros(20_000, dtype=torch.int64))
    assert losses["loss"].item() == losses["base"].item() == pytest.approx(1, abs=0.02)


def test_a_linear_field_has_the_density_of_its_gaussian():
    """With u = C x the flow is exp(π C / 2): a Gaussian again, whose density is known."""
    field, rate = VelocityField(2, np.array([0])), torch.tensor([[0.3, 0.2], [-0.1, -0.4]])
    index = torch.zeros(50, dtype=torch.int64)
    with torch.no_grad():
        field.C.weight.copy_(rate)
        x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        noise, change = field.pull(x, index)
        pushed = field.push(noise, index)
    A = torch.linalg.matrix_exp(math.pi / 2 * rate)
    ours = change - noise.square().sum(1) / 2 - math.log(2 * math.pi)
    true = torch.distributions.MultivariateNormal(torch.zeros(2), A @ A.T).log_prob(x)
    torch.testing.assert_close(ours, true, atol=0.02, rtol=0)
    torch.testing.assert_close(pushed, x, atol=0.01, rtol=0)


def test_gradients_reach_every_parameter():
    field, generator = random_field(2, [0, 0, 1]), torch.Generator().manual_seed(0)
    field.losses(torch.randn(64, 4, 1, 1), generator, torch.arange(64) % 9)["loss"].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in field.parameters())


def test_a_share_of_the_rows_is_seen_as_of_everything():
    class Spy(Bend):
        def loss(self, x, index, generator):
            self.seen = x[:, 0], index
            return x.sum(), x.sum()

        push = pull = None

    spy, x = Spy(1, np.array([0, 0, 1])), torch.tensor([[5.0, 7.0]])  # own frame, everything's
    own, everything = torch.arange(6000) % 3, torch.arange(6000) % 2
    generator = torch.Generator().manual_seed(0)
    spy.losses(x.expand(6000, 2)[:, :, None, None], generator, own * 3 + everything)
    seen, index = spy.seen
    assert 0.12 < (seen == 7).float().mean() < 0.18
    torch.testing.assert_close(index, torch.where(seen == 7, everything, own))


# --- what is learnt ----------------------------------------------------------------------


def test_a_ring_is_learnt_for_its_label_and_for_everything(prior):
    unseen = ring(500, seed=1)
    gaussian = GaussianPrior().fit(*ring_and_bar())
    assert prior.learnt == (None, 3, 8)
    for label, least in ((3, 0.1), (None, 0.05)):
        gain = prior.log_density(unseen, label).mean() - gaussian.log_density(unseen, label).mean()
        assert gain > least
    radius = np.linalg.norm(prior.sample(1000, 3), axis=1)
    assert np.median(radius) == pytest.approx(3, abs=0.3)
    blurred = np.linalg.norm(gaussian.sample(1000, 3), axis=1)
    assert (radius < 1).mean() < 0.9 * (blurred < 1).mean()


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
    frozen = prior.sample(20, 8, temperature=1e-9, seed=6)
    np.testing.assert_allclose(frozen, np.broadcast_to(frozen[0], frozen.shape), atol=1e-4)


def test_bent_mixtures_have_the_density_of_their_samples(flow):
    """The share of samples in a square is the integral of the density over it."""
    assert len(flow._parts[None].mixture) > 2
    axis = np.arange(-6.875, 7, 0.25)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    density = np.exp(flow.log_density(grid)) * 0.0625
    assert density.sum() == pytest.approx(1, abs=0.01)
    drawn = flow.sample(3000, seed=2)
    assert (drawn != GMMPrior().fit(ring(300)).sample(3000, seed=2)).any()
    for low, high in ((0, 4), (-2, 2)):
        inside = ((drawn > low) & (drawn < high)).all(axis=1).mean()
        square = ((grid > low) & (grid < high)).all(axis=1)
        assert density[square].sum() == pytest.approx(inside, abs=0.03)


def test_far_from_all_rows_the_mixture_bounds_the_density(flow):
    z = np.array([[60.0, -50.0], [300.0, 900.0], [0.0, 4e4]], dtype=np.float32)
    base = GMMPrior().fit(ring(300), np.arange(300) % 2)
    assert (flow.log_density(z) >= base.log_density(z) + math.log(0.01) - 1e-6).all()
    assert np.isfinite(flow.log_density(z)).all()


# --- repeatable --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bare", "nsf", "flow"])
def test_rows_do_not_depend_on_those_beside_them(request, name):
    prior = request.getfixturevalue(name)
    drawn = prior.sample(600, seed=4)
    np.testing.assert_array_equal(drawn[:7], prior.sample(7, seed=4))
    density = prior.log_density(drawn)
    np.testing.assert_array_equal(density[300:305], prior.log_density(drawn[300:305]))


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


class Stopped(BaseException):
    """What a watcher raises who wants no more."""


class Watcher(NoProgress):
    """Sees where a training begins, and stops it after so many reports."""

    def __init__(self, reports=None):
        self.left, self.began = reports, None

    def stage(self, name, total=None, unit=""):
        return nullcontext(self) if name == "training" else super().stage(name, total, unit)

    def advance(self, amount=1, **fields):
        if self.began is None:
            self.began = amount  # the rows that an earlier part has seen
        elif self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stopped


def test_a_fit_that_was_stopped_goes_on_to_the_same_net(tmp_path):
    z, labels = ring_and_bar(400)
    whole, watcher = OneGaussian(epochs=12).fit(z, labels), Watcher()
    stopped = OneGaussian(epochs=12)
    stopped.run = tmp_path / "run"
    with pytest.raises(Stopped):
        stopped.fit(z, labels, Watcher(reports=3))
    resumed = OneGaussian(epochs=12)
    resumed.run = stopped.run
    resumed.fit(z, labels, watcher)
    assert 0 < watcher.began < whole.result.steps * 64
    assert resumed.result.history[-1]["step"] == whole.result.history[-1]["step"]
    arrays = whole.state()[1]
    for name, value in resumed.state()[1].items():
        np.testing.assert_array_equal(value, arrays[name])


@pytest.mark.parametrize("other", [{"seed": 1}, {"epochs": 11}, {"rows": 799}])
def test_a_fit_of_something_else_begins_anew(tmp_path, other):
    z, labels = ring_and_bar(400)
    stopped = OneGaussian(epochs=12)
    stopped.run = tmp_path / "run"
    with pytest.raises(Stopped):
        stopped.fit(z, labels, Watcher(reports=3))
    rows = other.pop("rows", 2 * 400)
    alone = OneGaussian(**{"epochs": 12} | other).fit(z[:rows], labels[:rows])
    prior, watcher = OneGaussian(**{"epochs": 12} | other), Watcher()
    prior.run = stopped.run
    prior.fit(z[:rows], labels[:rows], watcher)
    assert watcher.began == 0
    arrays = alone.state()[1]
    for name, value in prior.state()[1].items():
        np.testing.assert_array_equal(value, arrays[name])


@pytest.mark.parametrize("name", ["bare", "nsf", "flow"])
def test_a_state_brings_everything_back(request, name):
    prior = request.getfixturevalue(name)
    config, arrays = prior.state()
    restored = type(prior).from_state(json.loads(json.dumps(config)), load(save(arrays)))
    z, _ = ring_and_bar(50, seed=2)
    assert restored.learnt == prior.learnt
    assert (restored.seed, restored.epochs) == (prior.seed, prior.epochs)
    for label in (None, *prior.classes.tolist()):
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
        lambda c, a: c.update(learnt=["1"]),
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
def test_few_rows_keep_the_mixture(rows):
    z, labels = ring(rows), np.arange(rows) % 2
    prior, gmm = FlowPrior().fit(z, labels), GMMPrior().fit(z, labels)
    assert prior.learnt == ()
    restored = FlowPrior.from_state(*prior.state())
    for label in (None, *prior.classes.tolist()):
        np.testing.assert_array_equal(restored.sample(9, label), gmm.sample(9, label))
        np.testing.assert_array_equal(prior.log_density(z, label), gmm.log_density(z, label))


def test_a_label_with_few_rows_keeps_its_gaussian():
    z, labels = ring_and_bar(400)
    labels[400 + 19 :] = -1
    prior, gaussian = OneGaussian(epochs=15).fit(z, labels), GaussianPrior().fit(z, labels)
    assert prior.learnt == (None, 3)
    np.testing.assert_array_equal(prior.sample(9, 8), gaussian.sample(9, 8))
    assert (prior.sample(9, 3) != gaussian.sample(9, 3)).any()


def test_gaussian_rows_keep_the_gaussian():
    z = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)
    prior = FlowPrior(epochs=5).fit(z)
    assert prior.result is not None
    assert prior.learnt == ()
    np.testing.assert_array_equal(prior.sample(9), GaussianPrior().fit(z).sample(9))


def test_a_second_fit_forgets_the_first():
    prior = FlowPrior(epochs=2).fit(*ring_and_bar(250))
    assert prior.result is not None
    prior.fit(ring(5))
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

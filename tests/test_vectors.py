import numpy as np
import pytest
import torch

from latlas.contracts import OptionError, Trainable
from latlas.vectors import VectorClassifier, train_vectors


def blobs(each, classes=3, dimensions=4, seed=0):
    """Groups that do not overlap, standardised, and their numbers."""
    generator = np.random.default_rng(seed)
    targets = np.tile(np.arange(classes), each)
    x = 8 * np.eye(classes, dimensions)[targets] + generator.normal(size=(len(targets), dimensions))
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32), targets


def batch(count=12, dimensions=4, classes=3):
    x = torch.randn(count, dimensions, 1, 1, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(count) % classes


def loss_of(model, x, labels, seed=0):
    return model.losses(x, torch.Generator().manual_seed(seed), labels)["loss"]


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# --- the net -----------------------------------------------------------------------------


def test_the_gradient_reaches_every_parameter_and_each_is_in_one_group():
    model = VectorClassifier(4, 3, noise=0.1, smoothing=0.1)
    assert isinstance(model, Trainable)
    loss_of(model, *batch()).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    grouped = [id(p) for group in model.parameter_groups() for p in group["params"]]
    assert sorted(grouped) == sorted(map(id, model.parameters()))


def test_the_loss_is_the_mean_cross_entropy_of_rows_with_a_class():
    model = VectorClassifier(4, 3)
    x, labels = batch()
    logs = model.log_probabilities(x.flatten(1).numpy())
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)
    expected = -logs[np.arange(12), labels.numpy()].mean()
    assert loss_of(model, x, labels).item() == pytest.approx(expected, rel=1e-5)
    more = torch.cat([x, 9 * x]), torch.cat([labels, torch.full_like(labels, -1)])
    assert loss_of(model, *more).item() == pytest.approx(expected, rel=1e-5)
    assert model.losses(x, torch.Generator())["loss"].item() == 0


def test_smoothing_spreads_a_share_over_all_classes():
    model = VectorClassifier(4, 3, smoothing=0.3)
    x, labels = batch()
    logs = model.log_probabilities(x.flatten(1).numpy())
    expected = -(0.7 * logs[np.arange(12), labels.numpy()] + 0.1 * logs.sum(axis=1)).mean()
    assert loss_of(model, x, labels).item() == pytest.approx(expected, rel=1e-5)


def test_noise_comes_from_the_generator_and_only_where_a_gradient_is_asked_for():
    noisy, plain = (VectorClassifier(4, 3, noise=noise) for noise in (0.5, 0))
    x, labels = batch()
    assert loss_of(noisy, x, labels, 1) == loss_of(noisy, x, labels, 1)
    assert loss_of(noisy, x, labels, 1) != loss_of(noisy, x, labels, 2)
    with torch.no_grad():
        assert loss_of(noisy, x, labels) == loss_of(plain, x, labels)


# --- its training ------------------------------------------------------------------------


def test_groups_are_told_apart_and_rows_without_a_class_are_left_out():
    x, targets = blobs(30)
    model = train_vectors(x, targets, 3, noise=0.1)
    assert (model.log_probabilities(x).argmax(axis=1) == targets).all()
    astray = np.concatenate([x, -5 * x]), np.concatenate([targets, np.full(len(x), -1)])
    assert same_weights(model, train_vectors(*astray, 3, noise=0.1))


def test_the_seed_decides_and_the_state_of_torch_is_left_alone():
    x, targets = blobs(20)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    model = train_vectors(x, targets, 3, noise=0.1, seed=2**33 + 1)
    assert torch.rand(1) == expected
    assert same_weights(model, train_vectors(x, targets, 3, noise=0.1, seed=2**33 + 1))
    assert not same_weights(model, train_vectors(x, targets, 3, noise=0.1, seed=0))


@pytest.mark.parametrize(
    ("x", "targets", "classes"),
    [
        (np.ones((1, 1)), [0], 1),
        (np.zeros((2, 3)), [0, 1], 2),
        (np.full((25, 2), 3.0), [0] * 24 + [4], 5),
    ],
)
def test_few_rows_one_class_and_constants_are_fine(x, targets, classes):
    model = train_vectors(x, np.array(targets), classes, noise=0.1)
    logs = model.log_probabilities(x)
    assert logs.shape == (len(x), classes)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 1, 1], "each of the 4 vectors"),
        ([0.0, 1.0, 1.0, 0.0], "whole number"),
        ([0, 1, 2, 1], "expected 0..1"),
        ([-1, -1, -1, -1], "at least one"),
    ],
)
def test_targets_that_cannot_be_learnt_are_explained(targets, message):
    with pytest.raises(OptionError, match=message):
        train_vectors(np.ones((4, 2)), np.array(targets), 2, noise=0)

"""The judge: what it learns, what it sees, how it is kept, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from conftest import blobs
from latlas.checkpoint import read_arrays, read_part, write_part
from latlas.contracts import TEST, TRAIN, OptionError, Trainable
from latlas.judge import Judge, JudgeConfig, judge_training, train_judge
from latlas.nn import ConvFeatures, warped
from latlas.settings import TrainConfig

QUICK = TrainConfig(epochs=12, batch_size=64, precision="float32", threads=1)
BRIEF = dataclasses.replace(QUICK, epochs=1)
SHAPES = [(1, 1, 1), (2, 3, 1), (8, 8, 1), (28, 28, 1), (17, 30, 3), (5, 90, 3), (130, 70, 1)]


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def noise(shape, count=7, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def asked(images, **changes):
    return dataclasses.replace(images, **changes)


def as_input(pixels):
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def number(value):
    return float(value.detach())


def relabelled(judge, seed=0):
    """A judge whose last layer answers at random instead of always the same."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        judge.head.weight.copy_(torch.randn(judge.head.weight.shape, generator=generator))
    return judge


@pytest.fixture(scope="module")
def trained():
    return train_judge(blobs(), config=QUICK)


# --- training ----------------------------------------------------------------------------


def test_it_learns_to_tell_the_labels_apart(trained):
    images = blobs()
    test = images.splits == TEST
    seen = trained.look(images.pixels[test])
    assert trained.accuracy == np.mean(seen.labels == images.labels[test])
    assert trained.tested == test.sum()
    assert trained.accuracy > 0.95
    assert isinstance(trained, Trainable)


def test_features_of_other_images_of_a_label_are_nearest(trained):
    images = blobs(200, seed=5)
    features = trained.look(images.pixels).features.astype(np.float64)
    distances = np.linalg.norm(features[:, None] - features[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(images.labels[distances.argmin(1)] == images.labels) > 0.95


def test_it_learns_from_colours_and_mirrored_images():
    judge = train_judge(blobs(shape=(9, 7, 3), classes=3), mirror=True, config=QUICK)
    assert judge.config == JudgeConfig((9, 7, 3), 3, mirror=True)
    assert judge.accuracy > 0.5


def test_equal_seeds_give_equal_judges_and_others_do_not():
    judges = [train_judge(blobs(120), seed, config=BRIEF) for seed in (3, 3, 4)]
    first, again, other = (judge.state()[1] for judge in judges)
    assert equal(first, again)
    assert not equal(first, other)


def test_the_seed_decides_about_the_first_weights_and_leaves_the_global_state():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    states = [Judge((8, 8, 1), 3, seed).state()[1] for seed in (0, 0, 1)]
    assert torch.equal(torch.rand(3), expected)
    assert equal(states[0], states[1])
    assert not equal(states[0], states[2])


def test_images_without_a_label_take_no_part():
    images = blobs(160)
    unknown = np.arange(160) % 3 == 0
    labels = np.where(unknown, -1, images.labels)
    pixels = images.pixels.copy()
    pixels[unknown] = noise((8, 8, 1), int(unknown.sum()))
    judges = [
        train_judge(asked(images, labels=labels, pixels=p), config=BRIEF)
        for p in (images.pixels, pixels)
    ]
    assert equal(judges[0].state()[1], judges[1].state()[1])
    assert judges[0].tested == ((images.splits == TEST) & ~unknown).sum()


def test_the_test_split_does_not_change_what_is_learnt():
    images = blobs(160)
    pixels = images.pixels.copy()
    pixels[images.splits == TEST] = 0
    states = [
        train_judge(asked(images, pixels=p), config=BRIEF).state() for p in (images.pixels, pixels)
    ]
    assert equal(states[0][1], states[1][1])


def test_without_a_test_split_one_in_ten_of_each_label_is_set_aside():
    images = asked(blobs(200), splits=np.full(200, TRAIN, np.uint8))
    judge = train_judge(images, config=BRIEF)
    assert judge.tested == 4 * (50 // 10)
    assert 0 <= judge.accuracy <= 1


def test_where_no_image_can_be_spared_the_accuracy_is_unknown():
    images = asked(blobs(4, classes=2), splits=np.full(4, TRAIN, np.uint8))
    judge = train_judge(images, config=BRIEF)
    assert judge.accuracy is None
    assert judge.tested == 0
    assert judge.look(images.pixels).probabilities.shape == (4, 2)


def test_one_image_of_each_label_is_enough():
    images = asked(blobs(4), splits=np.full(4, TRAIN, np.uint8))
    judge = train_judge(images, config=dataclasses.replace(QUICK, epochs=80))
    assert (judge.look(images.pixels).labels == images.labels).all()


def test_float_images_and_images_that_are_all_alike_can_be_learnt_from():
    images = asked(blobs(60), pixels=np.full((60, 8, 8, 1), 0.5, np.float32))
    judge = train_judge(images, config=BRIEF)
    seen = judge.look(images.pixels)
    assert np.isfinite(seen.features).all()
    assert len(np.unique(seen.labels)) == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(60, -1), "spots have 0 labels"),
        (np.full(60, 2), "spots have only the label 'c'"),
        (np.where(blobs(60).splits == TRAIN, 1, blobs(60).labels), "only the label 'b'"),
    ],
)
def test_fewer_than_two_labels_are_explained(labels, message):
    with pytest.raises(OptionError, match=message) as caught:
        train_judge(asked(blobs(60), labels=labels), config=BRIEF)
    assert "still works" in str(caught.value)


def test_a_seed_below_zero_is_explained():
    with pytest.raises(OptionError, match="seed is -1"):
        train_judge(blobs(60), -1, config=BRIEF)


def test_few_images_are_seen_more_often():
    epochs = [judge_training(count, 7).epochs for count in (1, 1000, 54_000, 10_000_000)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[-1] >= 1
    assert judge_training(1000, 7).seed == 7


# --- the loss ----------------------------------------------------------------------------


def test_an_untrained_judge_gives_every_label_the_same_chance():
    judge = Judge((8, 8, 1), 5)
    labels = torch.tensor([0, 4, 2])
    losses = judge.losses(as_input(noise((8, 8, 1), 3)), torch.Generator(), labels)
    assert number(losses["loss"]) == pytest.approx(math.log(5))
    assert number(losses["error"]) == pytest.approx(2 / 3)  # the first of equals is answered
    np.testing.assert_allclose(judge.look(noise((8, 8, 1))).probabilities, 0.2, rtol=1e-6)


def test_the_loss_is_the_mean_over_images_with_a_label():
    judge = relabelled(Judge((8, 8, 1), 3))
    x = as_input(noise((8, 8, 1), 4))
    with torch.no_grad():
        part = judge.losses(x[[0, 2]], torch.Generator(), torch.tensor([1, 2]))
        whole = judge.losses(x, torch.Generator(), torch.tensor([1, -1, 2, -1]))
        expected = -judge.logits(x).log_softmax(1)[[0, 2], [1, 2]].mean()
    assert number(whole["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert number(part["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert number(whole["error"]) == number(part["error"])


@pytest.mark.parametrize("labels", [None, torch.full((4,), -1)])
def test_without_labels_there_is_nothing_to_learn(labels):
    judge = Judge((8, 8, 1), 3)
    losses = judge.losses(as_input(noise((8, 8, 1), 4)), torch.Generator(), labels)
    assert number(losses["loss"]) == number(losses["error"]) == 0
    gradients = torch.autograd.grad(losses["loss"], list(judge.parameters()))
    assert all((g == 0).all() for g in gradients)


def test_the_gradient_reaches_every_parameter():
    judge = relabelled(Judge((28, 28, 3), 3))
    x, labels = as_input(noise((28, 28, 3), 30)), torch.arange(30) % 3
    loss = judge.losses(x, torch.Generator().manual_seed(0), labels)["loss"]
    gradients = torch.autograd.grad(loss, list(judge.parameters()))
    assert all(bool(g.isfinite().all()) and bool(g.any()) for g in gradients)
    grouped = [p for group in judge.parameter_groups() for p in group["params"]]
    assert {id(p) for p in grouped} == {id(p) for p in judge.parameters()}
    assert len(grouped) == len(list(judge.parameters()))


def test_a_step_depends_on_nothing_but_its_generator():
    judge = relabelled(Judge((8, 8, 1), 3))
    x, labels = as_input(noise((8, 8, 1), 6)), torch.arange(6) % 3

    def loss(seed):
        losses = judge.losses(x, torch.Generator().manual_seed(seed), labels)
        return number(losses["loss"])

    assert loss(1) == loss(1)
    assert loss(1) != loss(2)
    with torch.no_grad():  # images are not warped when they are only judged
        assert loss(1) == loss(2)


# --- warping -----------------------------------------------------------------------------


def test_warped_images_stay_between_their_own_values_and_plain_ones_stay():
    x = as_input(noise((12, 9, 3), 20)) * 0.5 + 0.25
    out = warped(x, torch.Generator().manual_seed(0))
    assert out.shape == x.shape
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    assert bool((out >= low - 1e-5).all() and (out <= high + 1e-5).all())
    assert not torch.equal(out[0], x[0])
    plain = torch.full((3, 1, 8, 8), 0.7)
    torch.testing.assert_close(warped(plain, torch.Generator()), plain)


def test_a_spot_moves_by_a_few_pixels_around_where_it_was():
    x = torch.zeros(2000, 1, 28, 28)
    x[:, :, 13:15, 13:15] = 1
    out = warped(x, torch.Generator().manual_seed(0))
    centre = torch.arange(28.0) - 13.5
    mass = out.sum((1, 2, 3))
    moved = (out.sum((1, 2)) * centre).sum(1) / mass  # to the right, in pixels
    assert float(moved.abs().max()) < 2.6  # 2 pixels, stretched, turned and sheared
    assert float(moved.mean()) == pytest.approx(0, abs=0.1)
    assert float(moved.std()) == pytest.approx(2 / math.sqrt(3), rel=0.15)  # uniform


def test_half_of_the_images_are_mirrored_where_asked():
    x = torch.zeros(1000, 1, 28, 28)
    x[:, :, 12:16, 22:25] = 1

    def on_the_right(mirror):
        out = warped(x, torch.Generator().manual_seed(0), mirror)
        return float((out[..., 14:].sum((1, 2, 3)) > out[..., :14].sum((1, 2, 3))).float().mean())

    assert on_the_right(False) == 1
    assert on_the_right(True) == pytest.approx(0.5, abs=0.06)


# --- looking -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_shape_are_seen(shape):
    judge = relabelled(Judge(shape, 4))
    seen = judge.look(noise(shape))
    assert seen.features.shape == (len(seen), judge.config.dim) == (7, 128)
    assert seen.features.dtype == seen.probabilities.dtype == np.float32
    assert seen.labels.dtype == np.int64
    assert (seen.features >= 0).all()
    assert seen.features.any()
    np.testing.assert_allclose(seen.probabilities.sum(1), 1, atol=1e-6)
    assert (seen.labels == seen.probabilities.argmax(1)).all()


def test_what_is_seen_is_features_and_logits_of_the_net(trained):
    pixels = blobs(seed=2).pixels
    seen = trained.look(pixels)
    with torch.no_grad():
        x = as_input(pixels)
        features, logits = trained.features(x), trained.logits(x)
    np.testing.assert_allclose(seen.features, features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.probabilities, logits.softmax(1), rtol=1e-4, atol=1e-6)


def test_every_pixel_counts():
    judge = Judge((15, 17, 1), 2, seed=1)
    black = np.zeros((1, 15, 17, 1), np.uint8)
    spots = np.repeat(black, 15 * 17, 0)
    spots.reshape(255, 255)[np.arange(255), np.arange(255)] = 255
    changes = judge.look(spots).features - judge.look(black).features
    assert (np.abs(changes).max(1) > 0).all()


def test_images_as_bytes_and_as_floats_are_the_same(trained):
    pixels = blobs(50).pixels
    whole = trained.look(pixels)
    for kind in (np.float32, np.float64):
        np.testing.assert_array_equal(
            trained.look((pixels / np.float32(255)).astype(kind)).features, whole.features
        )


def test_an_image_is_seen_alike_in_any_company(trained):
    pixels = blobs(1100).pixels
    whole = trained.look(pixels, threads=1)
    np.testing.assert_array_equal(trained.look(pixels, threads=2).features, whole.features)
    for rows in (slice(0, 1), slice(700, 707), slice(1099, 1100)):
        some = trained.look(pixels[rows])
        np.testing.assert_allclose(some.features, whole.features[rows], rtol=1e-4, atol=1e-5)


def test_no_images_give_no_rows(trained):
    seen = trained.look(np.zeros((0, 8, 8, 1), np.uint8))
    assert len(seen) == 0
    assert seen.features.shape == (0, 128)
    assert seen.probabilities.shape == (0, 4)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 8, 9, 1), np.uint8), r"\[2, 8, 9, 1\]; this judge takes \[N, 8, 8, 1\]"),
        (np.zeros((8, 8, 1), np.uint8), r"\[8, 8, 1\]"),
        (np.zeros((2, 8, 8, 1), np.int64), "type int64"),
        (np.full((2, 8, 8, 1), np.nan), "not finite"),
    ],
)
def test_images_that_cannot_be_seen_are_explained(trained, pixels, message):
    with pytest.raises(OptionError, match=message):
        trained.look(pixels)


@pytest.mark.parametrize(
    ("shape", "classes", "options", "message"),
    [
        ((8, 8, 1), 1, {}, "classes of a judge is 1"),
        ((8, 8, 1), 2, {"dim": 0}, "dim of a judge is 0"),
        ((8, 0, 1), 2, {}, "shape is"),
        ((8, 8), 2, {}, "shape is"),
    ],
)
def test_a_judge_that_cannot_be_is_explained(shape, classes, options, message):
    with pytest.raises(OptionError, match=message):
        Judge(shape, classes, **options)


def test_the_net_of_a_large_image_is_that_of_one_of_64_pixels():
    sizes = [
        [p.shape for p in ConvFeatures(shape, 8, 4).parameters()]
        for shape in ((64, 32, 3), (640, 320, 3))
    ]
    assert sizes[0] == sizes[1]


# --- keeping -----------------------------------------------------------------------------


def test_a_stored_judge_sees_the_same_to_the_bit(trained, tmp_path):
    config, arrays = trained.state()
    digest = write_part(tmp_path / "judge", config, arrays)
    part = read_part(tmp_path / "judge", digest)
    again = Judge.from_state(part.config, part.tensors)
    assert equal(Judge.from_state(*read_arrays(tmp_path / "judge")).state()[1], arrays)
    pixels = blobs(seed=9).pixels
    before, after = trained.look(pixels), again.look(pixels)
    np.testing.assert_array_equal(before.features, after.features)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    assert (again.accuracy, again.tested) == (trained.accuracy, trained.tested)
    assert again.state()[0] == json.loads(json.dumps(config))
    assert equal(again.state()[1], arrays)


def test_a_judge_without_accuracy_is_stored_too():
    judge = Judge((8, 8, 1), 3, dim=5, width=4, mirror=True)
    again = Judge.from_state(*judge.state())
    assert again.accuracy is None
    assert again.config == judge.config


def damage(config, arrays, kind):
    if kind == "missing setting":
        config.pop("tested")
    elif kind == "unknown setting":
        config["colour"] = 1
    elif kind == "huge":
        config["width"] = 10**6
    elif kind == "bad shape":
        config["shape"] = "abc"
    elif kind == "missing array":
        arrays.pop("head.weight")
    elif kind == "other array":
        arrays["head.weight"] = arrays["head.weight"].T
    elif kind == "one class":
        config["classes"] = 1
    return config, arrays


@pytest.mark.parametrize(
    "kind",
    ["missing setting", "unknown setting", "huge", "bad shape", "missing array", "other array",
     "one class"],
)  # fmt: skip
def test_a_damaged_state_is_a_value_error(kind):
    with pytest.raises(ValueError, match="stored judge is damaged"):
        Judge.from_state(*damage(*Judge((8, 8, 1), 3).state(), kind))

import importlib.util
import json
import math

import numpy as np
import pytest
from safetensors.numpy import load, save

from latlas.contracts import OptionError
from latlas.priors import (
    DEFAULT_PRIOR,
    PRIORS,
    FlowPrior,
    GaussianPrior,
    GMMPrior,
    NormalPrior,
    NSFPrior,
)

without_zuko = pytest.mark.skipif(importlib.util.find_spec("zuko") is None, reason="needs zuko")
MEMBERS = (NormalPrior, GaussianPrior, GMMPrior)
LEARNT = (FlowPrior, NSFPrior)
EVERY = (*MEMBERS, FlowPrior, pytest.param(NSFPrior, marks=without_zuko, id="nsf"))
FITTED = (GaussianPrior, GMMPrior)
every_prior = pytest.mark.parametrize("member", EVERY, ids=lambda member: member.name)
every_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
every_fitted_member = pytest.mark.parametrize("member", FITTED, ids=lambda member: member.name)

CENTRES = np.array([[0.0, 0.0], [8.0, 1.0], [2.0, 9.0]])
LABELS = (2, 5, 7)


def blobs(count=1500, seed=0):
    """Three well-separated Gaussians in the plane, each with a label."""
    generator = np.random.default_rng(seed)
    which = generator.integers(3, size=count)
    z = CENTRES[which] + generator.normal(size=(count, 2)) @ [[1.0, 0.4], [0.0, 0.6]]
    return z.astype(np.float32), np.asarray(LABELS)[which]


def cloud(count, D, seed=0):
    """A tilted Gaussian away from the origin."""
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(count, D)) @ generator.normal(size=(D, D)) + 3).astype(
        np.float32
    )


def make(member, epochs=1):
    """A prior; one that is trained sees its rows only so often."""
    return member(epochs=epochs) if member in LEARNT else member()


@pytest.fixture(scope="module", params=EVERY, ids=lambda member: member.name)
def prior(request):
    return make(request.param, 6).fit(*blobs())


@pytest.fixture(scope="module")
def gmm():
    return GMMPrior().fit(*blobs())


# --- densities ---------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, 5])
def test_the_density_integrates_to_one_in_the_plane(prior, label):
    learnt = isinstance(prior, LEARNT)  # not quite 0 anywhere, and slower
    axis = np.linspace(-22, 30, 105 if learnt else 521)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    total = np.exp(prior.log_density(grid, label)).sum() * (axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1, abs=0.01 if learnt else 1e-4)


@every_member
def test_the_density_integrates_to_one_on_the_line(member):
    z = np.concatenate([cloud(300, 1), cloud(300, 1, seed=1) * 0.2 - 9])
    axis = np.linspace(-40, 40, 20_001)
    density = np.exp(member().fit(z).log_density(axis[:, None].astype(np.float32)))
    assert density.dtype == np.float64
    assert density.sum() * (axis[1] - axis[0]) == pytest.approx(1, abs=1e-4)


def test_the_normal_prior_is_the_standard_normal_whatever_the_data():
    z, labels = blobs()
    prior = NormalPrior().fit(z * 9 + 4, labels)
    expected = -0.5 * np.square(z.astype(np.float64)).sum(axis=1) - math.log(2 * math.pi)
    for label in (None, *LABELS):
        np.testing.assert_allclose(prior.log_density(z, label), expected, rtol=1e-12)


def test_the_gaussian_has_the_moments_of_its_rows():
    z, labels = blobs(3000)
    prior = GaussianPrior().fit(z, labels)
    for label, rows in [(None, z), *((label, z[labels == label]) for label in LABELS)]:
        deviations = rows - rows.mean(axis=0, dtype=np.float64)
        covariance = deviations.T @ deviations / len(rows)
        white = np.linalg.solve(covariance, deviations.T).T
        expected = -0.5 * (deviations * white).sum(axis=1)
        expected -= 0.5 * np.linalg.slogdet(2 * math.pi * covariance)[1]
        np.testing.assert_allclose(prior.log_density(rows, label), expected, atol=0.05)


def test_a_gaussian_moves_with_its_rows():
    """Turned, moved and scaled by A, the log density shifts by -log |det A|."""
    z, labels = blobs()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))[0]
    moved = (z @ (2.5 * turn) + [4, -7]).astype(np.float32)
    before, after = GaussianPrior().fit(z, labels), GaussianPrior().fit(moved, labels)
    for label in (None, *LABELS):
        shift = after.log_density(moved, label) - before.log_density(z, label)
        np.testing.assert_allclose(shift, -2 * math.log(2.5), atol=1e-4)


def test_with_many_rows_any_affine_map_shifts_the_log_density():
    z = np.random.default_rng(0).normal(3, [1, 2, 4], (20_000, 3)).astype(np.float32)
    A = np.array([[2.0, 0.3, 0.0], [0.0, 0.5, 1.0], [0.4, 0.0, 1.5]])
    moved = (z @ A).astype(np.float32)
    shift = GaussianPrior().fit(moved).log_density(moved) - GaussianPrior().fit(z).log_density(z)
    expected = -np.linalg.slogdet(A)[1]
    assert abs(shift.mean() - expected) < 0.005  # shrinkage fades with the rows, but never ends
    assert np.median(np.abs(shift - expected)) < 0.02


def test_shrinking_helps_rows_that_were_not_seen():
    D = 20
    z, unseen = cloud(30, D), cloud(2000, D)[1000:]
    mean, covariance = z.mean(axis=0), np.cov(z.T, bias=True)
    plain = -0.5 * np.einsum("ni,ij,nj->n", unseen - mean, np.linalg.inv(covariance), unseen - mean)
    plain -= 0.5 * np.linalg.slogdet(2 * math.pi * covariance)[1]
    assert GaussianPrior().fit(z).log_density(unseen).mean() > plain.mean() + 5


def test_a_label_with_few_rows_leans_on_the_others():
    D = 10
    generator = np.random.default_rng(0)
    root = generator.normal(size=(D, D))
    labels = np.r_[np.zeros(500), np.ones(500), np.full(4, 2)].astype(np.int64)
    offsets = np.array([[-30.0], [0.0], [30.0]])
    z = (generator.normal(size=(1004, D)) @ root + offsets[labels]).astype(np.float32)
    unseen = (generator.normal(size=(500, D)) @ root + 30).astype(np.float32)
    leaning = GaussianPrior().fit(z, labels).log_density(unseen, 2).mean()
    alone = GaussianPrior().fit(z[labels == 2]).log_density(unseen).mean()
    assert leaning > alone + 1


# --- mixtures ----------------------------------------------------------------------------


def test_held_out_likelihood_finds_three_blobs(gmm):
    assert gmm.chosen == {None: 3, 2: 1, 5: 1, 7: 1}
    scores = gmm.held_out[None]
    assert max(scores, key=scores.get) >= 3
    assert scores[3] > scores[1] + 1


def test_a_mixture_beats_one_gaussian_on_rows_that_were_not_seen(gmm):
    z, labels = blobs()
    unseen, _ = blobs(seed=1)
    gaussian = GaussianPrior().fit(z, labels)
    assert gmm.log_density(unseen).mean() > gaussian.log_density(unseen).mean() + 1
    assert gmm.log_density(unseen).mean() == pytest.approx(gmm.held_out[None][3], abs=0.15)


def test_the_parts_of_a_mixture_are_found(gmm):
    drawn = gmm.sample(6000)
    owner = np.square(drawn[:, None] - CENTRES).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(owner) / 6000, 1 / 3, atol=0.04)
    covariance = np.array([[1.0, 0.4], [0.0, 0.6]]).T @ [[1.0, 0.4], [0.0, 0.6]]
    for k, centre in enumerate(CENTRES):
        rows = drawn[owner == k]
        np.testing.assert_allclose(rows.mean(axis=0), centre, atol=0.15)
        np.testing.assert_allclose(np.cov(rows.T), covariance, atol=0.15)


def test_gaussian_rows_get_a_single_component():
    z = cloud(3000, 4)
    prior = GMMPrior().fit(z)
    assert prior.chosen == {None: 1}
    np.testing.assert_array_equal(prior.log_density(z), GaussianPrior().fit(z).log_density(z))


def test_few_rows_get_the_gaussian():
    z, labels = blobs(30)
    gmm, gaussian = GMMPrior().fit(z[:15], labels[:15]), GaussianPrior().fit(z[:15], labels[:15])
    assert set(gmm.chosen.values()) == {1}
    for label in (None, *LABELS):
        np.testing.assert_array_equal(gmm.sample(9, label), gaussian.sample(9, label))


def test_a_mixture_finds_the_same_in_another_unit():
    z, _ = blobs()
    before, after = GMMPrior().fit(z), GMMPrior().fit(z * np.float32(1024))
    shift = after.log_density(z * np.float32(1024)) - before.log_density(z)
    np.testing.assert_allclose(shift, -2 * math.log(1024), atol=1e-6)


# --- samples -----------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, *LABELS])
@every_fitted_member
def test_samples_have_the_mean_and_covariance_of_the_rows(member, label):
    z, labels = blobs()
    rows = z if label is None else z[labels == label]
    drawn = member().fit(z, labels).sample(40_000, label)
    assert drawn.dtype == np.float32
    deviation = rows.std(axis=0)
    assert (np.abs(drawn.mean(axis=0) - rows.mean(axis=0)) < 0.05 * deviation).all()
    scale = np.outer(deviation, deviation)
    np.testing.assert_allclose(np.cov(drawn.T) / scale, np.cov(rows.T) / scale, atol=0.05)


def test_normal_samples_are_normal():
    drawn = NormalPrior().fit(*blobs()).sample(40_000, 7)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(2), atol=0.03)


def test_samples_score_the_entropy_of_their_density(prior):
    """Two independent draws have the same mean log density."""
    one, other = (prior.log_density(prior.sample(3000, seed=seed)).mean() for seed in (1, 2))
    assert one == pytest.approx(other, abs=0.1)


@every_fitted_member
def test_temperature_scales_the_deviations(member):
    prior = member().fit(*blobs())
    usual, cold, hot = (prior.sample(500, 5, temperature=t, seed=3) for t in (1.0, 0.25, 3.0))
    centre = prior.sample(1, 5, temperature=1e-9)
    np.testing.assert_allclose(cold - centre, 0.25 * (usual - centre), atol=1e-4)
    np.testing.assert_allclose(hot - centre, 3.0 * (usual - centre), atol=1e-4)


def test_temperature_leaves_the_weights_of_components(gmm):
    cold = gmm.sample(3000, temperature=1e-6)
    owner = np.square(cold[:, None] - CENTRES).sum(axis=2).argmin(axis=1)
    for k in range(3):
        np.testing.assert_allclose(np.ptp(cold[owner == k], axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.bincount(owner) / 3000, 1 / 3, atol=0.05)


def test_seeds_of_samples(prior):
    one = prior.sample(50, 2, seed=4)
    np.testing.assert_array_equal(one, prior.sample(50, 2, seed=4))
    assert (one != prior.sample(50, 2, seed=5)).all()
    np.testing.assert_allclose(one[:20], prior.sample(20, 2, seed=4), rtol=1e-6)
    assert prior.sample(0, 2).shape == (0, 2)


# --- fitting -----------------------------------------------------------------------------


@every_member
def test_the_order_of_the_rows_does_not_matter(member):
    z, labels = blobs()
    order = np.random.default_rng(0).permutation(len(z))
    one, other = member().fit(z, labels), member().fit(z[order], labels[order])
    for label in (None, *LABELS):
        np.testing.assert_array_equal(one.log_density(z, label), other.log_density(z, label))


def test_the_same_seed_fits_the_same():
    z, labels = blobs()
    one, other = (GMMPrior(seed=3).fit(z, labels) for _ in range(2))
    assert one.held_out == other.held_out
    np.testing.assert_array_equal(one.sample(30), other.sample(30))
    for seed in (4, 2**40):
        assert GMMPrior(seed=seed).fit(z, labels).held_out != one.held_out


@every_fitted_member
def test_rows_without_a_label_count_for_everything_only(member):
    z, labels = blobs()
    hidden = np.where(labels == 7, -1, labels)
    prior = member().fit(z, hidden)
    assert prior.classes.tolist() == [2, 5]
    np.testing.assert_array_equal(prior.sample(9), member().fit(z).sample(9))
    known = labels != 7
    only = member().fit(z[known], labels[known])
    np.testing.assert_array_equal(prior.sample(9, 5), only.sample(9, 5))


@every_prior
def test_without_labels_there_is_one_density(member):
    z, _ = blobs(200)
    for labels in (None, np.full(200, -1)):
        prior = make(member).fit(z, labels)
        assert prior.classes.tolist() == []
        assert prior.latent_dim == 2
        with pytest.raises(OptionError, match="none, as it was fitted without labels"):
            prior.sample(1, 0)


@pytest.mark.parametrize(
    ("z", "labels"),
    [
        (np.array([[3.0, -2.0]]), [4]),
        (np.tile([[1e6, 3.1, 0.0]], (500, 1)), [4] * 500),
        (cloud(6, 40), [4, 4, 4, 4, 4, 9]),
        (np.repeat(cloud(2, 3), 300, axis=0), [4, 9] * 300),
        (np.c_[cloud(600, 2), np.full(600, 7.7)], [4] * 599 + [9]),
        (cloud(600, 2) * np.array([1e-6, 1e6]), [4] * 599 + [9]),
        (np.random.default_rng(0).integers(3, size=(900, 1)), [4] * 900),
    ],
    ids=["one row", "all equal", "N < D", "two points", "constant dimension", "scales", "D = 1"],
)
@every_prior
def test_degenerate_rows_have_a_density(member, z, labels):
    z = z.astype(np.float32)
    prior = make(member).fit(z, np.array(labels))
    for label in (None, *prior.classes.tolist()):
        assert np.isfinite(prior.log_density(z, label)).all()
        drawn = prior.sample(50, label)
        assert drawn.shape == (50, z.shape[1])
        assert np.isfinite(drawn).all()


@every_fitted_member
def test_a_constant_dimension_stays_nearly_constant(member):
    z = np.c_[cloud(600, 2), np.full(600, 7.7)].astype(np.float32)
    drawn = member().fit(z).sample(500)
    assert drawn[:, 2].mean() == pytest.approx(7.7, abs=0.02)
    assert drawn[:, 2].std() < 0.1 * z[:, 0].std()


@every_fitted_member
def test_a_single_row_has_twice_the_covariance_that_labels_have(member):
    """Both it and another row of its label deviate from the true mean."""
    z, labels = blobs(2000)
    z, labels = np.r_[z, [[-40.0, 5.0]]].astype(np.float32), np.r_[labels, 9]
    drawn = member().fit(z, labels).sample(20_000, 9)
    covariance = np.array([[1.0, 0.4], [0.0, 0.6]]).T @ [[1.0, 0.4], [0.0, 0.6]]
    np.testing.assert_allclose(drawn.mean(axis=0), [-40, 5], atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), 2 * covariance, atol=0.1)


# --- state -------------------------------------------------------------------------------


def stored(prior):
    config, arrays = prior.state()
    return json.loads(json.dumps(config)), load(save(arrays))


def test_a_state_brings_everything_back(prior):
    z, _ = blobs(seed=2)
    restored = type(prior).from_state(*stored(prior))
    assert restored.latent_dim == 2
    np.testing.assert_array_equal(restored.classes, prior.classes)
    for label in (None, *LABELS):
        np.testing.assert_array_equal(restored.sample(20, label), prior.sample(20, label))
        np.testing.assert_array_equal(restored.log_density(z, label), prior.log_density(z, label))
    assert restored.seed == prior.seed
    assert restored.state()[0] == prior.state()[0]


def test_a_state_keeps_what_was_chosen(gmm):
    restored = GMMPrior.from_state(*stored(gmm))
    assert restored.chosen == gmm.chosen
    assert restored.held_out == gmm.held_out


def without(values, name):
    return {key: value for key, value in values.items() if key != name}


DAMAGE = {
    "no seed": lambda c, a: (without(c, "seed"), a),
    "seed is text": lambda c, a: (c | {"seed": "0"}, a),
    "D is 0": lambda c, a: (c | {"latent_dim": 0}, a),
    "another D": lambda c, a: (c | {"latent_dim": 3}, a),
    "no classes": lambda c, a: (c, without(a, "classes")),
    "classes go down": lambda c, a: (c, a | {"classes": a["classes"][::-1]}),
    "a class too many": lambda c, a: (c, a | {"classes": np.append(a["classes"], 99)}),
    "no means": lambda c, a: (c, without(a, "5.means")),
    "float32": lambda c, a: (c, a | {"all.means": a["all.means"].astype(np.float32)}),
    "not finite": lambda c, a: (c, a | {"all.means": a["all.means"] * np.nan}),
    "no component": lambda c, a: (c, a | {"all.weights": a["all.weights"][:0]}),
    "weights": lambda c, a: (c, a | {"all.weights": a["all.weights"] * 2}),
    "roots": lambda c, a: (c, a | {"2.roots": -a["2.roots"]}),
    "full roots": lambda c, a: (c, a | {"2.roots": np.ones_like(a["2.roots"])}),
    "no values": lambda _, a: (None, a),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_state_is_refused(prior, damage):
    config, arrays = stored(prior)
    with pytest.raises(ValueError, match="damaged"):
        type(prior).from_state(*damage(config, arrays))


@pytest.mark.parametrize("held_out", [3, {"all": 3}, {"five": {}}, {"all": {"one": 0}}])
def test_damaged_reports_are_refused(gmm, held_out):
    config, arrays = stored(gmm)
    for damaged in (config | {"held_out": held_out}, without(config, "held_out")):
        with pytest.raises(ValueError, match="damaged"):
            GMMPrior.from_state(damaged, arrays)


# --- words -------------------------------------------------------------------------------


def test_wrong_requests_are_answered_in_words(prior):
    z, _ = blobs(5)
    for call, words in [
        (lambda: prior.sample(3, 4), "label is 4; this prior knows 2, 5, 7"),
        (lambda: prior.log_density(z, 4), "label is 4; this prior knows 2, 5, 7"),
        (lambda: prior.sample(-1), "n is -1"),
        (lambda: prior.sample(3, seed=-1), "seed is -1"),
        (lambda: prior.sample(3, temperature=0.0), "temperature is 0.0; expected a number above"),
        (lambda: prior.sample(3, temperature=math.nan), "temperature is nan"),
        (lambda: prior.log_density(z[:, :1]), "have 1 dimensions; this prior was fitted on 2"),
        (lambda: prior.log_density(z * np.nan), "5 of 5 rows"),
    ]:
        with pytest.raises(OptionError, match=words):
            call()


@every_prior
def test_wrong_rows_are_answered_in_words(member):
    z, labels = blobs(5)
    for call, words in [
        (lambda: member(seed=-1), "seed is -1"),
        (lambda: member().fit(z * np.inf), "rows of the latents hold NaN"),
        (lambda: member().fit(z[:0]), "at least one"),
        (lambda: member().fit(z, labels[:3]), "each of the 5 latents"),
        (lambda: member().fit(z, labels + 0.5), "labels are float64"),
        (lambda: member().sample(1), "not been fitted"),
        (lambda: member().log_density(z), "not been fitted"),
        (lambda: member().state(), "not been fitted"),
    ]:
        with pytest.raises(OptionError, match=words):
            call()


def test_the_table_knows_every_prior_by_its_name():
    assert {member.name: member for member in (*MEMBERS, *LEARNT)} == PRIORS
    assert DEFAULT_PRIOR == "gmm"

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from latlas.contracts import MissingExtraError, OptionError
from latlas.measures.spaces import trustworthiness
from latlas.neighbours import nearest
from latlas.projections import PCA, PROJECTIONS, TSNE, NeighbourMap
from latlas.projections.repulsion import Repulsion
from latlas.projections.tsne import _attraction

OPTIONAL = {"umap", "opentsne"}
BUILT_IN = sorted(set(PROJECTIONS) - OPTIONAL)


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data / 16).astype(np.float32)  # [1797, 64]


@pytest.fixture(scope="module")
def fitted(digits):
    return {name: PROJECTIONS[name](seed=0).fit(digits) for name in BUILT_IN}


class Recorder:
    """A progress that keeps what it is told."""

    def __init__(self):
        self.stages = []

    def stage(self, name, total=None, unit=""):
        self.stages.append([name, total, 0])
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def advance(self, amount=1, **fields):
        self.stages[-1][2] += amount

    def note(self, message):
        raise AssertionError(message)


# --- the contract ------------------------------------------------------------------------


def test_the_table_goes_by_the_names_of_the_maps():
    assert list(PROJECTIONS) == ["pca", "tsne", "umap", "opentsne"]
    assert all(name == projection.name for name, projection in PROJECTIONS.items())


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_fitted_map_has_a_place_for_each_row(name, fitted):
    xy = fitted[name].xy_
    assert xy.shape == (1797, 2)
    assert xy.dtype == np.float32
    assert np.isfinite(xy).all()
    np.testing.assert_allclose(xy.mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_fitted_row_lands_on_its_own_place(name, fitted, digits):
    before = fitted[name].xy_.copy()
    np.testing.assert_allclose(fitted[name].transform(digits[::-3]), before[::-3], atol=1e-5)
    np.testing.assert_array_equal(fitted[name].xy_, before)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_map_rebuilt_from_its_state_places_new_rows_alike(name, fitted, digits):
    config, arrays = fitted[name].state()
    config = json.loads(json.dumps(config))
    again = PROJECTIONS[name].from_state(config, arrays, digits, fitted[name].xy_)
    new = digits[:40] + np.float32(0.01)
    np.testing.assert_array_equal(again.transform(new), fitted[name].transform(new))
    assert again.state()[0] == config


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_same_seed_makes_the_same_map_to_the_bit(name, fitted, digits):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        again = PROJECTIONS[name](seed=0).fit(digits)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(again.xy_, fitted[name].xy_)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 50])
@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_small_sets_have_a_map(name, count, dimensions):
    z = np.random.default_rng(0).normal(size=(count, dimensions)).astype(np.float32)
    projection = PROJECTIONS[name](seed=0).fit(z)
    assert projection.xy_.shape == (count, 2)
    assert np.isfinite(projection.xy_).all()
    assert np.ptp(projection.xy_, axis=0).max() < 50
    np.testing.assert_allclose(projection.transform(z), projection.xy_, atol=1e-5)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("z", [np.zeros((60, 4)), np.repeat(np.eye(3), 30, axis=0)])
def test_copies_of_few_points_have_a_map(name, z):
    projection = PROJECTIONS[name](seed=0).fit(z.astype(np.float32))
    assert np.isfinite(projection.xy_).all()
    assert np.isfinite(projection.transform(z.astype(np.float32) + 1)).all()


@pytest.mark.parametrize("name", sorted(PROJECTIONS))
@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.full((5, 2), np.nan), "5 of 5 rows of the latents hold NaN"),
        (np.ones((0, 2)), "at least one row"),
        (np.ones(4), r"shape \[4\]"),
    ],
)
def test_bad_latents_are_explained(name, z, message):
    with pytest.raises(OptionError, match=message):
        PROJECTIONS[name](seed=0).fit(z)


@pytest.mark.parametrize("name", BUILT_IN)
def test_latents_of_another_dimension_are_explained(name, fitted):
    with pytest.raises(OptionError, match="3 dimensions; this map was made from 64"):
        fitted[name].transform(np.ones((2, 3), dtype=np.float32))


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_a_map_by_an_optional_package_works_or_says_what_to_install(name, digits):
    try:
        projection = PROJECTIONS[name](seed=0).fit(digits[:300])
    except MissingExtraError as error:
        assert "pip install 'latlas[maps]'" in str(error)
    else:
        assert trustworthiness(digits[:300], projection.xy_) > 0.9


# --- PCA ---------------------------------------------------------------------------------


def test_pca_inverse_is_exact_on_the_plane(fitted, digits):
    pca = fitted["pca"]
    xy = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    np.testing.assert_allclose(pca.transform(pca.inverse(xy)), xy, atol=1e-5)
    np.testing.assert_allclose(pca.components_ @ pca.components_.T, np.eye(2), atol=1e-6)


def test_pca_agrees_with_the_singular_value_decomposition(fitted, digits):
    centred = digits.astype(np.float64) - digits.mean(axis=0, dtype=np.float64)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    for axis in range(2):
        assert abs(rows[axis] @ fitted["pca"].components_[axis]) == pytest.approx(1, abs=1e-6)
    shares = values[:2] ** 2 / np.square(values).sum()
    np.testing.assert_allclose(fitted["pca"].explained_, shares, rtol=1e-5)


def test_pca_signs_do_not_depend_on_the_solver(digits):
    one, other = PCA().fit(digits), PCA().fit(-digits)
    np.testing.assert_allclose(one.components_, other.components_, atol=1e-5)
    largest = np.abs(one.components_).argmax(axis=1)
    assert (one.components_[[0, 1], largest] > 0).all()


# --- t-SNE -------------------------------------------------------------------------------


@pytest.mark.parametrize(("span", "tolerance"), [(0.05, 0.05), (1, 0.01), (10, 0.02), (30, 0.05)])
def test_repulsion_agrees_with_the_sum_over_all_pairs(span, tolerance):
    xy = torch.from_numpy(np.random.default_rng(0).uniform(0, span, size=(2, 2000))).float()
    apart = (xy[:, :, None] - xy[:, None, :]).double()  # [2, N, N]
    q = 1 / (1 + apart.square().sum(dim=0))
    exact = (q.square() * apart).sum(dim=2)
    force, total = Repulsion()(xy)
    error = (force - exact).square().sum().sqrt() / exact.square().sum().sqrt()
    assert float(error) < tolerance
    assert total == pytest.approx(float(q.sum()) - 2000, rel=0.01)


def test_attraction_is_the_slope_of_its_energy():
    generator = torch.Generator().manual_seed(0)
    graph = torch.randint(0, 30, (4, 30), generator=generator)
    xy = torch.randn((2, 30), generator=generator, dtype=torch.float64).requires_grad_()
    edges = xy[:, graph] - xy[:, None, :]  # [2, k, N]
    energy = torch.log1p(edges.square().sum(dim=0)).sum() / 2
    (slope,) = torch.autograd.grad(energy, xy)
    pull = _attraction(xy.detach().float(), graph)
    np.testing.assert_allclose(pull.numpy(), -slope.numpy(), atol=1e-5)


def test_tsne_keeps_neighbours_that_pca_loses(fitted, digits):
    assert trustworthiness(digits, fitted["tsne"].xy_) > 0.98
    assert trustworthiness(digits, fitted["pca"].xy_) < 0.9


def test_tsne_lays_far_groups_apart():
    generator = np.random.default_rng(0)
    group = np.repeat(np.arange(3), 100)
    z = 20 * np.eye(3)[group] + generator.normal(size=(300, 3))
    xy = TSNE(seed=1).fit(z.astype(np.float32)).xy_
    found = nearest(xy, xy, 10, exclude_self=True)
    assert (group[found.indices] == group[:, None]).all()


def test_new_points_land_among_their_neighbours_and_in_no_gap(digits):
    tsne = TSNE(seed=0).fit(digits[:1500])
    placed = tsne.transform(digits[1500:])
    labels = load_digits().target
    found = nearest(placed, tsne.xy_, 1)
    assert (labels[found.indices[:, 0]] == labels[1500:]).mean() > 0.9
    spacing = np.quantile(nearest(tsne.xy_, tsne.xy_, 1, exclude_self=True).distances, 0.99)
    assert np.quantile(found.distances, 0.99) < 2 * spacing


def test_tsne_of_more_points_than_are_searched_exactly(monkeypatch, digits):
    monkeypatch.setattr("latlas.projections.tsne.EXACT_NEIGHBOURS_UP_TO", 500)
    tsne = TSNE(seed=0).fit(digits)
    assert trustworthiness(digits, tsne.xy_) > 0.97


def test_progress_comes_to_its_end(digits):
    recorder = Recorder()
    TSNE(iterations=37).fit(digits[:100], recorder)
    assert [stage[2] for stage in recorder.stages] == [stage[1] for stage in recorder.stages]
    assert recorder.stages[-1][1] == 37


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"neighbours": 0}, "neighbours is 0"),
        ({"iterations": 3}, "iterations is 3"),
    ],
)
def test_settings_out_of_range_are_explained(settings, message, digits):
    with pytest.raises(OptionError, match=message):
        TSNE(**settings).fit(digits[:50])


def test_a_neighbour_map_without_a_layout_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        NeighbourMap()

"""The scopes: one model for all images, one for each class, or one that is told the label."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import latlas
from conftest import SCOPES, Listening
from latlas.contracts import TEST, TRAIN, NoProgress, OptionError, SpaceError
from latlas.measures.classes import linear_accuracy
from latlas.models import (
    MODELS,
    ModelConfig,
    build_model,
    count_parameters,
    restore_model,
    width_for,
)
from latlas.projections import PCA, Panels
from latlas.store import LatentStore

QUICK = {"epochs": 2, "progress": NoProgress(), "pictures": False, "maps": ("pca",)}
QUICK["precision"] = "float32"


def digits():
    data = load_digits()
    return (data.images * 255 / 16).round().astype(np.uint8), data.target


# --- a space of each scope ---------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_a_space_of_each_scope_opens_again_and_gives_back_its_images(scoped_spaces, scope):
    from latlas.data.source import open_images

    space = latlas.open(scoped_spaces / f"{scope}.latlas")
    assert space.scope == scope
    latents, pixels = space.latents, np.asarray(open_images("digits").pixels)
    rows = np.arange(0, 1797, 30)
    names = [space.label(int(label)) for label in latents.labels[rows]]
    assert np.allclose(space.encode(pixels[rows], names), latents.z[rows], atol=1e-5)
    decoded = space.decode(latents.z[rows], names)
    error = ((decoded / 255.0 - pixels[rows] / 255.0) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(error, latents.errors[rows], atol=2e-4)
    assert latents.errors.mean() < 0.03
    np.testing.assert_array_equal(latents.told, latents.labels)


def test_all_scopes_have_as_many_parameters_and_see_as_many_images(scoped_spaces):
    made = {s: latlas.open(scoped_spaces / f"{s}.latlas").manifest.training for s in SCOPES}
    sizes = [made[scope]["parameters"] for scope in SCOPES]
    assert max(sizes) < 1.05 * min(sizes)
    assert len({made[scope]["images_seen"] for scope in SCOPES}) == 1
    assert made["per-class"]["members"] == 10


def test_a_latent_of_a_class_of_its_own_needs_the_label_to_be_decoded(scoped_spaces):
    space = latlas.open(scoped_spaces / "per-class.latlas")
    with pytest.raises(OptionError, match="give the label of each vector"):
        space.decode(space.latents.z[:2])
    with pytest.raises(OptionError, match="2 labels for 3 rows"):
        space.decode(space.latents.z[:3], ["1", "2"])
    with pytest.raises(OptionError, match="no label 'ten'"):
        space.decode(space.latents.z[:1], ["ten"])


def test_an_image_without_label_goes_to_the_class_that_draws_it_best(scoped_spaces):
    space = latlas.open(scoped_spaces / "per-class.latlas")
    rows = np.flatnonzero(space.latents.splits == TEST)
    pixels = space.pixels(rows)
    coded = space.coder.encode_with_errors(pixels)
    errors = space.explained(rows).errors
    np.testing.assert_array_equal(coded.told, errors.argmin(axis=1))
    assert np.allclose(coded.errors, errors.min(axis=1), atol=1e-6)
    assert (coded.told == space.latents.labels[rows]).mean() > 0.9


@pytest.mark.parametrize("scope", SCOPES)
def test_every_verb_works_on_every_scope(scoped, scope):
    space = scoped(scope)
    drawn = space.sample(6, ["3", "7"])
    assert drawn.labels == ("3",) * 3 + ("7",) * 3
    near = space.latents.labels[np.searchsorted(space.latents.ids, drawn.nearest_ids)]
    assert scope != "per-class" or near.tolist() == [3] * 3 + [7] * 3
    assert len(space.sample(4)) == 4
    a, b = np.flatnonzero(space.latents.labels == 4)[:2].tolist()
    assert space.walk(a, b, steps=3).images.shape == (3, 8, 8, 1)
    xy = space.map("pca", refresh=True).xy
    assert np.isfinite(xy).all()
    pixels = np.random.default_rng(0).integers(0, 255, (5, 8, 8), np.uint8)
    space.add(latlas.open_images(pixels, image_size=(8, 8), channels=1))
    again = latlas.open(space.folder)
    assert (again.latents.labels[1797:] == -1).all()
    assert np.isfinite(again.map("pca").xy[1797:]).all()


def test_a_new_class_cannot_join_a_space_that_was_trained_by_class(scoped):
    space = scoped("conditional")
    pixels = np.zeros((2, 8, 8), np.uint8)
    images = latlas.open_images(pixels, image_size=(8, 8), channels=1, labels=["x", "x"])
    with pytest.raises(OptionError, match="'x' is new"):
        space.add(images)
    assert len(latlas.open(space.folder)) == 1797


# --- stops -------------------------------------------------------------------------------


STOPPED = {
    "epochs": 12,
    "seed": 3,
    "checkpoint_seconds": 0.05,
    "scope": "per-class",
    "pictures": False,
    "maps": ("pca",),
    "latent_dim": 4,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def three_digits(tmp_path_factory):
    """A file with the images of three digits, and the space of a fit that nothing stopped."""
    pixels, labels = digits()
    folder = tmp_path_factory.mktemp("stops")
    np.savez(folder / "digits.npz", images=pixels[labels < 3], labels=labels[labels < 3])
    source, output = folder / "digits.npz", folder / "whole.latlas"
    return source, latlas.fit(source, output, progress=NoProgress(), **STOPPED)


def test_a_killed_fit_of_a_model_for_each_class_goes_on_to_the_same_space(three_digits, tmp_path):
    source, whole = three_digits
    folder = tmp_path / "s.latlas"
    code = (
        "import latlas, latlas.contracts as c; "
        f"latlas.fit({str(source)!r}, {str(folder)!r}, progress=c.NoProgress(), **{STOPPED!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    first = folder / "run" / "member-0" / "member"
    deadline = time.monotonic() + 120
    while not first.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    with pytest.raises(SpaceError, match="--resume"):
        latlas.open(folder)
    resumed = latlas.fit(source, folder, resume=True, progress=NoProgress())
    np.testing.assert_array_equal(whole.latents.z, resumed.latents.z)
    np.testing.assert_array_equal(whole.map("pca").xy, resumed.map("pca").xy)
    assert resumed.manifest.training["members"] == 3
    assert {path.name for path in (folder / "run").glob("*/*")} == {"log.jsonl"}


def test_what_is_trained_already_outlives_ctrl_c(three_digits, tmp_path):
    source, whole = three_digits

    class Stopping(NoProgress):
        trained = 0

        def stage(self, name, total=None, unit=""):
            self.trained += name == "training"
            if self.trained == 2:
                raise KeyboardInterrupt
            return super().stage(name, total, unit)

    folder = tmp_path / "s.latlas"
    with pytest.raises(KeyboardInterrupt):
        latlas.fit(source, folder, progress=Stopping(), **STOPPED)
    resumed = latlas.fit(source, folder, resume=True, progress=NoProgress())
    np.testing.assert_array_equal(whole.latents.z, resumed.latents.z)


# --- few and unknown labels --------------------------------------------------------------


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A space by class of two large classes, one of ten images, one of one, some of none."""
    pixels, labels = digits()
    rows = np.concatenate(
        [np.flatnonzero(labels == k)[:n] for k, n in enumerate([90, 80, 10, 1, 12])]
    )
    names = np.array(["zero", "one", "ten twos", "single", ""])[labels[rows]]
    heard = Listening()
    folder = tmp_path_factory.mktemp("uneven") / "u.latlas"
    options = QUICK | {"progress": heard, "epochs": 10, "pictures": True, "latent_dim": 4}
    latlas.fit(pixels[rows], folder, scope="per-class", labels=names, **options)
    return folder, heard.said


def test_classes_of_few_images_share_a_model_and_a_warning_says_so(uneven):
    folder, said = uneven
    (warning,) = [line for line in said if line.startswith("warning:") and "share" in line]
    assert "single" in warning
    assert "ten twos" in warning
    space = latlas.open(folder)
    owners = dict(zip(space.classes, space.model.owners, strict=True))
    assert owners["single"] == owners["ten twos"]
    assert len({owners["zero"], owners["one"], owners["single"]}) == 3
    assert space.manifest.training["members"] == 3


def test_rows_without_label_are_routed_and_stay_where_they_were_put(uneven, tmp_path):
    space = latlas.open(shutil.copytree(uneven[0], tmp_path / "u.latlas"))
    unknown = space.latents.labels < 0
    assert unknown.sum() == 12
    told = space.latents.told
    assert (told >= 0).all()
    np.testing.assert_array_equal(told[~unknown], space.latents.labels[~unknown])
    xy = space.map("pca").xy
    four = digits()[0][digits()[1] == 4][40:45]
    space.add(latlas.open_images(four, image_size=(8, 8), channels=1))
    again = latlas.open(space.folder)
    np.testing.assert_array_equal(again.latents.told[: len(told)], told)
    np.testing.assert_array_equal(again.map("pca").xy[: len(told)], xy)
    routed = again.coder.encode_with_errors(four[..., None]).told
    np.testing.assert_array_equal(again.latents.told[len(told) :], routed)
    again.map("pca", refresh=True)
    last = latlas.open(space.folder)
    np.testing.assert_array_equal(last.latents.told[: len(told)], told)
    assert np.isfinite(last.map("pca").xy).all()


def test_a_class_of_one_image_crashes_nothing(uneven, tmp_path):
    space = latlas.open(shutil.copytree(uneven[0], tmp_path / "u.latlas"))
    single = space.latents.ids[space.latents.labels == space.classes.index("single")]
    assert len(single) == 1
    assert space.sample(3, "single").labels == ("single",) * 3
    assert len(space.classify(space.pixels(np.arange(3)))) == 3
    for kind in ("duplicates", "outliers", "mislabelled"):
        space.find(kind)
    near = space.neighbours(int(single[0])).labels
    assert set(near) <= {""}  # without label, and drawn best by the model that is shared
    for path in ("linear", "graph"):
        way = space.walk(int(single[0]), "label:single", steps=3, path=path)
        assert np.array_equal(way.z[0], way.z[-1])


@pytest.mark.parametrize("scope", ["per-class", "conditional"])
def test_a_scope_that_needs_labels_says_so_and_leaves_nothing(scope, tmp_path):
    pixels = digits()[0][:40]
    with pytest.raises(OptionError, match=f"the scope {scope} needs labels"):
        latlas.fit(pixels, tmp_path / "s.latlas", scope=scope, **QUICK)
    assert not (tmp_path / "s.latlas").exists()


def test_pca_cannot_be_told_labels(tmp_path):
    for asked in ({"scope": "conditional"}, {"label_weight": 1.0}):
        with pytest.raises(OptionError, match="pca does not look at labels"):
            latlas.fit("digits", tmp_path / "s.latlas", model="pca", **QUICK | asked)
        assert not (tmp_path / "s.latlas").exists()


@pytest.mark.parametrize("model", MODELS)
def test_every_model_makes_a_space_for_each_class(model, tmp_path):
    pixels, labels = digits()
    few = labels < 2
    options = QUICK | {"labels": labels[few], "scope": "per-class", "latent_dim": 2}
    latlas.fit(pixels[few], tmp_path / "s.latlas", model=model, **options)
    space = latlas.open(tmp_path / "s.latlas")
    names = [space.label(int(k)) for k in space.latents.labels]
    decoded = space.decode(space.latents.z, names) / 255.0
    error = np.square(decoded - space.pixels(np.arange(len(space))) / 255.0).mean(axis=(1, 2, 3))
    assert np.allclose(error, space.latents.errors, atol=5e-4)


def test_an_old_store_without_the_told_column_opens():
    store = LatentStore.open(Path(__file__).parent / "fixtures" / "store-v1")
    latents = store.latents()
    np.testing.assert_array_equal(latents.told, latents.labels)
    np.testing.assert_array_equal(store.rows(latents.ids[:2]).told, latents.labels[:2])


# --- the models --------------------------------------------------------------------------

CONFIG = ModelConfig((8, 8, 1), 3, classes=4, conditional=True)
LABELS = torch.tensor([0, 1, 2, 3])


def moved(config, name="rae"):
    """A model off its starting point, where the residual branches are zero."""
    model = build_model(name, config)
    generator = torch.Generator().manual_seed(0)
    model.prepare(torch.rand(16, 1, 8, 8, generator=generator))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def test_the_label_changes_what_a_conditional_model_draws_and_sees():
    model, z, x = moved(CONFIG), torch.zeros(4, 3), torch.full((4, 1, 8, 8), 0.5)
    drawn = model.decode(z, LABELS)
    assert all((drawn[i] - drawn[j]).abs().max() > 1e-3 for i in range(4) for j in range(i))
    codes = model.encode(x, LABELS)
    assert (codes[0] - codes[1]).abs().max() > 1e-4


def test_a_conditional_model_works_without_label():
    model, z, x = moved(CONFIG), torch.ones(2, 3), torch.full((2, 1, 8, 8), 0.5)
    unknown = torch.tensor([-1, -1])
    assert torch.equal(model.decode(z), model.decode(z, unknown))
    assert torch.equal(model.encode(x), model.encode(x, unknown))
    assert not torch.equal(model.decode(z), model.decode(z, torch.tensor([0, 0])))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "pca"])
def test_the_gradient_reaches_what_is_learnt_of_labels(name):
    config = ModelConfig((8, 8, 1), 3, classes=4, conditional=True, label_weight=1.0)
    model = moved(config, name)
    generator = torch.Generator().manual_seed(1)
    x, labels = torch.rand(32, 1, 8, 8, generator=generator), torch.arange(32) % 4
    model.losses(x, generator, labels)["loss"].backward()
    silent = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert {"offsets", "head.weight"} <= {key for key, _ in model.named_parameters()}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "pca"])
def test_a_label_weight_of_zero_changes_no_bit(name):
    plain, told = (
        moved(ModelConfig((8, 8, 1), 3, classes=classes, label_weight=0.0), name)
        for classes in (0, 4)
    )
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    a = plain.losses(x, torch.Generator().manual_seed(3))
    b = told.losses(x, torch.Generator().manual_seed(3), torch.arange(8) % 4)
    assert set(a) == set(b)
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_unknown_labels_do_not_count_in_the_label_loss():
    config = ModelConfig((8, 8, 1), 3, classes=4, label_weight=1.0)
    model = moved(config)
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    some = torch.tensor([0, 1, 2, 3, -1, -1, -1, -1])
    full = model.losses(x[:4], torch.Generator(), some[:4])["label"]
    assert torch.allclose(model.losses(x, torch.Generator(), some)["label"], full)
    none = model.losses(x, torch.Generator(), torch.full((8,), -1))
    assert none["label"] == 0
    assert torch.isfinite(none["loss"])


def test_a_label_weight_makes_the_classes_easier_to_tell(tmp_path):
    accuracy = []
    for weight in (0.0, 10.0):
        options = QUICK | {"epochs": 10, "latent_dim": 4, "label_weight": weight}
        latents = latlas.fit("digits", tmp_path / f"{weight}.latlas", **options).latents
        learnt, held = latents.splits == TRAIN, latents.splits == TEST
        z, labels = latents.z, latents.labels
        accuracy.append(linear_accuracy(z[learnt], labels[learnt], z[held], labels[held]))
    assert accuracy[1] > accuracy[0] + 0.03


@pytest.mark.parametrize("wrong", [{"conditional": True}, {"label_weight": 1.0}])
def test_a_model_that_looks_at_labels_needs_some(wrong):
    with pytest.raises(OptionError, match="needs labels"):
        ModelConfig((8, 8, 1), 3, **wrong)
    with pytest.raises(OptionError, match="label_weight is -1"):
        ModelConfig((8, 8, 1), 3, classes=2, label_weight=-1)


def test_a_width_is_found_for_a_number_of_parameters():
    config = ModelConfig((28, 28, 1), 16)
    for share in (0.1, 0.5, 1.0, 2.0):
        wanted = int(share * count_parameters("rae", config))
        width = width_for("rae", config, wanted)
        found = count_parameters("rae", ModelConfig((28, 28, 1), 16, width=width))
        assert abs(found - wanted) < 0.02 * wanted
    model = build_model("rae", config)
    assert count_parameters("rae", config) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("owners", [[0, 3], []])
def test_damaged_settings_of_a_model_for_each_class_are_refused(owners):
    settings = {"members": [build_model("ae", ModelConfig((8, 8, 1), 2)).settings()]}
    with pytest.raises(ValueError, match="owners must name members"):
        restore_model("ae", settings | {"owners": owners, "names": ["a", "b"]})


# --- panels ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panels():
    generator = np.random.default_rng(0)
    told = generator.integers(0, 5, 300)
    told[told == 3] = 4  # label 3 has no images
    z = (generator.normal(size=(300, 4)) * (1 + 50 * told[:, None])).astype(np.float32)
    return Panels(PCA, 5, seed=1).fit(z, told), z, told


def test_panels_lie_apart_and_inside_their_cells(panels):
    laid_out, _, told = panels
    centres = np.array([[label % 3, -(label // 3)] for label in told])
    assert (np.abs(laid_out.xy_ - centres) <= 0.5).all()
    assert np.isfinite(laid_out.xy_).all()
    spans = [np.ptp(laid_out.xy_[told == label], axis=0).max() for label in (0, 1, 2, 4)]
    assert np.allclose(spans, 0.9, atol=1e-5)


def test_a_row_is_placed_where_it_was_laid(panels):
    laid_out, z, told = panels
    assert np.allclose(laid_out.transform(z, told), laid_out.xy_, atol=1e-5)
    assert np.isnan(laid_out.transform(z[:2], np.array([3, -1]))).all()


def test_panels_come_back_from_their_state(panels):
    laid_out, z, told = panels
    config, arrays = laid_out.state()
    again = Panels.from_state(PCA, config, arrays, (z, laid_out.xy_, told))
    np.testing.assert_array_equal(again.transform(z, told), laid_out.transform(z, told))
    assert again.state()[0] == config
    for name, array in again.state()[1].items():
        np.testing.assert_array_equal(array, arrays[name])


def test_a_panel_of_one_point_or_of_copies_is_a_point():
    z = np.zeros((5, 3), np.float32)
    told = np.array([0, 1, 1, 1, 1])
    laid_out = Panels(PCA, 2).fit(z, told)
    assert np.allclose(laid_out.xy_, [[0, 0], *[[1, 0]] * 4])

"""``fit`` from real images to a space that opens again; what it does with stops and mistakes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import latlas
from conftest import picture_folder
from latlas.contracts import (
    MissingExtraError,
    NoProgress,
    OptionError,
    SourceError,
    SpaceError,
    StorageError,
    TrainingError,
)
from latlas.edits import Edits
from latlas.models import MODELS

QUICK = {"epochs": 2, "progress": NoProgress(), "pictures": False, "maps": ("pca",)}


def test_a_space_of_digits_has_every_part(digits_space):
    space = latlas.open(digits_space)
    latents = space.latents
    assert len(space) == 1797
    assert latents.z.shape == (1797, 16)
    assert latents.z.dtype == np.float32
    assert np.isfinite(latents.z).all()
    assert (latents.errors >= 0).all()
    assert set(np.unique(latents.splits)) == {0, 1}
    assert space.classes == tuple("0123456789")
    assert set(space.manifest.maps) == {"pca", "tsne"}
    for name in space.manifest.maps:
        drawn = space.map(name)
        assert drawn.xy.shape == (1797, 2)
        assert 0.5 < drawn.scores["trustworthiness"] <= 1
        assert 0 < drawn.scores["neighbour_preservation"] <= 1
    pictures = {path.stem for path in (digits_space / "pictures").glob("*.png")}
    assert {"map-pca", "map-tsne", "reconstructions", "traversals", "walk", "loss"} <= pictures
    assert not (digits_space / "run" / "checkpoint").exists()


def test_the_latent_space_of_digits_knows_the_classes(digits_space):
    scores = {score.name: score.value for score in latlas.open(digits_space).scores}
    assert scores["knn_accuracy"] > 0.9
    assert scores["reconstruction_mse"] < 0.02


def test_splits_are_stratified_and_stay(digits_space):
    latents = latlas.open(digits_space).latents
    share = [latents.splits[latents.labels == label].mean() for label in range(10)]
    assert max(share) - min(share) < 0.02


def test_encode_gives_what_is_stored(digits_space):
    from latlas.data.source import open_images

    space = latlas.open(digits_space)
    pixels = np.asarray(open_images("digits").pixels)
    assert np.allclose(space.encode(pixels[:50]), space.latents.z[:50], atol=1e-5)
    decoded = space.decode(space.latents.z[:50])
    error = ((decoded / 255.0 - pixels[:50] / 255.0) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(error, space.latents.errors[:50], atol=2e-4)


def test_encode_takes_what_people_have(digits_space):
    space = latlas.open(digits_space)
    array = np.random.default_rng(0).integers(0, 255, (3, 8, 8), np.uint8)
    z = space.encode(array)
    assert z.shape == (3, 16)
    assert np.allclose(space.encode(array[..., None]), z)
    assert np.allclose(space.encode(array / 255.0), z, atol=1e-2)
    assert np.allclose(space.encode([Image.fromarray(a) for a in array]), z)
    assert space.encode(Image.new("RGB", (40, 20), "white")).shape == (1, 16)


def test_neighbours_of_an_id_leave_it_out_and_are_sorted(digits_space):
    space = latlas.open(digits_space)
    found = space.neighbours(7, k=5)
    assert 7 not in found.ids
    assert (np.diff(found.distances) >= 0).all()
    exact = np.linalg.norm(space.latents.z - space.latents.z[7], axis=1)
    assert np.allclose(found.distances, np.sort(exact)[1:6], atol=1e-4)
    assert found.images.shape == (5, 8, 8, 1)
    by_vector = space.neighbours(space.latents.z[7], k=6)
    assert by_vector.ids[0] == 7


def test_neighbours_of_a_wrong_id_are_answered_in_words(digits_space):
    space = latlas.open(digits_space)
    with pytest.raises(OptionError, match="ids here run from 0 to 1796"):
        space.neighbours(5000)
    with pytest.raises(OptionError, match="at least 1"):
        space.neighbours(1, k=0)
    with pytest.raises(OptionError, match="3 values; this space has 16"):
        space.neighbours(np.zeros(3, np.float32))


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_a_walk_begins_and_ends_at_its_ends(digits_space, path):
    space = latlas.open(digits_space)
    way = space.walk(3, 8, steps=7, path=path)
    assert np.array_equal(way.z[0], space.latents.z[3])
    assert np.array_equal(way.z[-1], space.latents.z[8])
    assert way.images.shape == (7, 8, 8, 1)
    back = space.walk(8, 3, steps=7, path=path)
    assert np.allclose(way.z, back.z[::-1], atol=1e-4)


def test_adding_moves_nothing_and_matches_labels_by_name(space, tmp_path):
    before = space.latents
    maps = {name: space.map(name).xy for name in space.manifest.maps}
    folder = picture_folder(tmp_path / "new", count=6, size=8, classes=("3", "cat"))
    from latlas.data.source import open_images

    ids = space.add(open_images(folder, (8, 8), 1))
    reopened = latlas.open(space.folder)
    assert len(reopened) == 1803
    assert list(ids) == list(range(1797, 1803))
    assert reopened.classes == (*before.classes, "cat")
    names = {reopened.label(int(label)) for label in reopened.latents.labels[-6:]}
    assert names == {"3", "cat"}
    assert np.array_equal(reopened.latents.z[:1797], before.z)
    for name, xy in maps.items():
        assert np.array_equal(reopened.map(name).xy[:1797], xy)
        assert np.isfinite(reopened.map(name).xy[1797:]).all()
    with pytest.raises(OptionError, match=r"in .* already"):
        reopened.add(open_images(folder, (8, 8), 1))


def test_a_map_is_made_once_and_again_only_when_asked(space):
    first = space.map("tsne").xy
    assert np.array_equal(space.map("tsne").xy, first)
    version = space.store.version
    space.map("tsne")
    assert space.store.version == version
    again = space.map("pca", refresh=True)
    assert space.store.version > version
    assert np.allclose(again.xy, latlas.open(space.folder).map("pca").xy)
    with pytest.raises(OptionError, match="pca, tsne"):
        space.map("mds")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_makes_a_space(model, tmp_path):
    space = latlas.fit("digits", tmp_path / "s.latlas", model=model, latent_dim=3, **QUICK)
    assert space.manifest.model.name == model
    assert space.latents.z.shape == (1797, 3)


def test_a_plane_of_two_dimensions_is_drawn(tmp_path):
    options = QUICK | {"pictures": True}
    space = latlas.fit("digits", tmp_path / "s.latlas", latent_dim=2, **options)
    assert (space.folder / "pictures" / "plane.png").stat().st_size > 0


def test_a_collapsed_vae_says_so(tmp_path):
    said = []

    class Listening(NoProgress):
        def note(self, message):
            said.append(message)

    options = QUICK | {"progress": Listening(), "epochs": 30, "pictures": True}
    space = latlas.fit("digits", tmp_path / "s.latlas", model="vae", beta=100.0, **options)
    assert any("posterior collapse" in message for message in said)
    assert space.manifest.training["active_units"] < 8
    assert (space.folder / "pictures" / "kl.png").exists()


def test_two_fits_with_one_seed_are_equal_to_the_bit(tmp_path):
    z = [latlas.fit("digits", tmp_path / f"{i}.latlas", **QUICK).latents.z for i in range(2)]
    assert np.array_equal(z[0], z[1])


def test_a_folder_of_colour_pictures_makes_a_space(tmp_path):
    folder = picture_folder(tmp_path / "pictures", count=12)
    space = latlas.fit(folder, tmp_path / "s.latlas", latent_dim=2, **QUICK)
    assert space.shape == (16, 16, 3)
    assert space.classes == ("cat", "dog")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_image_is_enough(tmp_path, count):
    pixels = np.random.default_rng(0).integers(0, 255, (count, 8, 8), np.uint8)
    options = QUICK | {"maps": ("pca", "tsne"), "pictures": True}
    space = latlas.fit(pixels, tmp_path / "s.latlas", latent_dim=2, **options)
    assert len(space) == count


def test_files_that_are_no_images_are_skipped_and_listed(tmp_path):
    folder = picture_folder(tmp_path / "pictures")
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    space = latlas.fit(folder, tmp_path / "s.latlas", latent_dim=2, **QUICK)
    assert len(space) == 12
    assert [entry.uri.endswith("broken.png") for entry in space.skipped] == [True]
    with pytest.raises(SourceError, match=r"broken\.png"):
        latlas.fit(folder, tmp_path / "t.latlas", latent_dim=2, strict=True, **QUICK)


def test_a_space_that_is_there_is_never_lost_by_mistake(space):
    with pytest.raises(OptionError, match="is there already"):
        latlas.fit("digits", space.folder, **QUICK)
    with pytest.raises(OptionError, match="latent_dim is 1000"):
        latlas.fit("digits", space.folder, latent_dim=1000, overwrite=True, **QUICK)
    assert len(latlas.open(space.folder)) == 1797
    latlas.fit("digits", space.folder, latent_dim=2, overwrite=True, **QUICK)
    assert latlas.open(space.folder).latent_dim == 2
    assert not space.folder.with_name(".digits.latlas.previous").exists()


def test_labels_that_readers_gave_outlive_an_overwrite(space):
    Edits(space).relabel([3], "smudge")
    latlas.fit("digits", space.folder, latent_dim=2, overwrite=True, **QUICK)
    again = latlas.open(space.folder)
    assert again.latent_dim == 2
    assert Edits(again).labels == {3: "smudge"}
    pixels = np.zeros((60, 8, 8), np.uint8)
    pixels[::2] = 200
    latlas.fit(pixels, space.folder, latent_dim=2, overwrite=True, **QUICK)
    assert Edits(latlas.open(space.folder)).labels == {}  # other images
    beside = space.folder.with_name(f"{space.folder.name}.log.jsonl")
    assert "smudge" in beside.read_text()


def test_a_folder_of_other_things_is_never_overwritten(tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.txt").write_text("years of work")
    with pytest.raises(SpaceError, match="not a latlas space"):
        latlas.fit("digits", folder, overwrite=True, **QUICK)
    assert (folder / "chapter1.txt").read_text() == "years of work"


def test_a_fit_that_cannot_begin_leaves_nothing(tmp_path):
    folder = tmp_path / "s.latlas"
    with pytest.raises(OptionError, match="no training images"):
        latlas.fit("digits", folder, split="test", **QUICK)
    assert not folder.exists()


def test_no_latent_dimension_is_refused_and_not_replaced(tmp_path):
    with pytest.raises(OptionError, match="latent_dim is 0"):
        latlas.fit("digits", tmp_path / "s.latlas", latent_dim=0, **QUICK)


def test_a_space_is_no_source(space, tmp_path):
    with pytest.raises(OptionError, match="is a latent space"):
        latlas.fit(space.folder, tmp_path / "s.latlas", **QUICK)


def test_resuming_with_other_images_loses_nothing(tmp_path):
    folder = tmp_path / "s.latlas"

    class StoppedError(Exception):
        pass

    class Stopping(NoProgress):
        def stage(self, name, total=None, unit=""):
            if name == "encoding":
                raise StoppedError
            return super().stage(name, total, unit)

    with pytest.raises(StoppedError):
        latlas.fit("digits", folder, **QUICK | {"progress": Stopping()})
    other = np.zeros((20, 8, 8), np.uint8)
    with pytest.raises(SpaceError, match="other images"):
        latlas.fit(other, folder, resume=True, **QUICK)
    assert len(latlas.fit("digits", folder, resume=True, **QUICK)) == 1797


def test_an_unknown_option_is_answered_with_the_choices(tmp_path):
    with pytest.raises(OptionError, match="epoch; it has"):
        latlas.fit("digits", tmp_path / "s.latlas", epoch=3)


def test_an_output_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot"):
        latlas.fit("digits", tmp_path / "file" / "s.latlas", **QUICK)


def test_a_loss_that_leaves_the_numbers_is_said_with_what_to_try(tmp_path):
    with pytest.raises(TrainingError, match="smaller learning rate"):
        latlas.fit("digits", tmp_path / "s.latlas", **QUICK | {"learning_rate": 1e30, "epochs": 50})


def test_padded_spaces_pad_single_images_too(tmp_path):
    folder = tmp_path / "wide"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(6):
        array = generator.integers(0, 255, (8, 16), np.uint8)
        Image.fromarray(array).save(folder / f"{index}.png")
    options = QUICK | {"image_size": 8, "resize": "pad"}
    space = latlas.fit(folder, tmp_path / "s.latlas", latent_dim=2, **options)
    assert np.allclose(space.encode(folder / "0.png"), space.latents.z[:1], atol=1e-4)


def test_a_late_mistake_keeps_the_training(tmp_path, monkeypatch):
    from latlas import fitting

    def fail(space, progress):
        raise StorageError("the disk is full")

    monkeypatch.setattr(fitting, "draw_pictures", fail)
    folder = tmp_path / "s.latlas"
    with pytest.raises(StorageError):
        latlas.fit("digits", folder, **QUICK | {"pictures": True})
    monkeypatch.undo()
    assert len(latlas.fit("digits", folder, resume=True, progress=NoProgress())) == 1797


def test_a_missing_package_is_said_before_any_work(tmp_path, monkeypatch):
    from latlas import jobs

    monkeypatch.setattr(jobs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latlas\[maps\]'"):
        latlas.fit("digits", tmp_path / "s.latlas", maps=("umap",))
    assert not (tmp_path / "s.latlas").exists()


def test_an_overwrite_that_is_stopped_gives_the_old_space_back(space):
    class Stopping(NoProgress):
        def note(self, message):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        latlas.fit("digits", space.folder, overwrite=True, **QUICK | {"progress": Stopping()})
    assert len(latlas.open(space.folder)) == 1797


@pytest.mark.parametrize(
    "changed", [{"model": "vae"}, {"latent_dim": 4}, {"width": 2.0}, {"seed": 5}, {"ema": 0.9}]
)
def test_a_resumed_fit_refuses_what_belongs_to_the_weights(space, changed):
    with pytest.raises(OptionError, match=next(iter(changed))):
        latlas.fit("digits", space.folder, resume=True, progress=NoProgress(), **changed)


# --- stops -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_fit_goes_on_to_the_same_space(tmp_path, number):
    options = {"epochs": 20, "seed": 3, "checkpoint_seconds": 0.05, "pictures": False}
    whole = latlas.fit("digits", tmp_path / "a.latlas", progress=NoProgress(), **options)
    code = (
        "import latlas, latlas.contracts as c; "
        f"latlas.fit('digits', {str(tmp_path / 'b.latlas')!r}, progress=c.NoProgress(), "
        f"**{options!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while (
        not (tmp_path / "b.latlas" / "run" / "checkpoint").exists()
        and time.monotonic() < deadline
        and process.poll() is None
    ):
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=120)
    with pytest.raises(SpaceError, match="--resume"):
        latlas.open(tmp_path / "b.latlas")
    resumed = latlas.fit("digits", tmp_path / "b.latlas", resume=True, progress=NoProgress())
    assert np.array_equal(whole.latents.z, resumed.latents.z)
    assert np.array_equal(whole.map("tsne").xy, resumed.map("tsne").xy)


def test_resuming_nothing_says_so(tmp_path):
    with pytest.raises(SpaceError, match="nothing to resume"):
        latlas.fit("digits", tmp_path / "s.latlas", resume=True)


@pytest.mark.mnist
def test_mnist_becomes_a_space(tmp_path):
    options = QUICK | {"epochs": 1, "batch_size": 512}
    space = latlas.fit("mnist", tmp_path / "s.latlas", **options)
    assert space.latents.z.shape == (70000, 16)
    assert space.manifest.sources[0].test == 10000
    scores = {score.name: score.value for score in space.scores}
    assert scores["knn_accuracy"] > 0.9

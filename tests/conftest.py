from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a shell starts in its background ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from PIL import Image

import latlas
from latlas.contracts import TEST, TRAIN, Images, NoProgress
from latlas.data.downloads import DATASETS


def _find_mnist():
    data = os.environ.get("LATLAS_DATA")
    mnist = DATASETS["mnist"]
    for folder in ("", *mnist.folders) if data else ():
        place = Path(data).expanduser() / folder
        names = [{file.name, file.name.removesuffix(".gz")} for file in mnist.files]
        if all(any((place / name).is_file() for name in either) for either in names):
            return place
    return None


MNIST = _find_mnist()  # now, as some tests run without LATLAS_DATA


def pytest_runtest_setup(item):
    """Tests of the real MNIST are skipped where it is not, but never unnoticed in CI."""
    if item.get_closest_marker("mnist") is None or MNIST is not None:
        return
    reason = (
        f"got LATLAS_DATA={os.environ.get('LATLAS_DATA', '')!r}, "
        "expected a folder with MNIST's four files"
    )
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def mnist_folder():
    """Where the real MNIST lies, for tests that are marked ``mnist``."""
    return MNIST


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Every test decodes into a cache of its own."""
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path_factory.mktemp("cache")))


def blobs(count=400, shape=(8, 8, 1), classes=4, seed=0):
    """Images of a bright spot whose place depends on the class: small, real, learnable."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    height, width, channels = shape
    angle = 2 * np.pi * labels / classes + generator.normal(0, 0.2, count)
    y = height * (0.5 + 0.25 * np.sin(angle))
    x = width * (0.5 + 0.25 * np.cos(angle))
    rows, columns = np.mgrid[:height, :width]
    spread = (height / 6) ** 2
    spot = np.exp(
        -((rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2) / (2 * spread)
    )
    tint = np.linspace(1.0, 0.5, channels)
    pixels = (spot[..., None] * tint * 255).astype(np.uint8)
    splits = np.where(generator.random(count) < 0.2, TEST, TRAIN).astype(np.uint8)
    splits[0] = TRAIN
    return Images(
        pixels=pixels,
        labels=labels.astype(np.int64),
        classes=tuple("abcdefghij"[:classes]),
        splits=splits,
        uris=[f"spot/{i}" for i in range(count)],
        source="spots",
        digest=f"spots-{count}-{shape}-{classes}-{seed}",
    )


@pytest.fixture
def spots():
    return blobs()


@pytest.fixture(scope="session")
def digits_space(tmp_path_factory):
    """One space of scikit-learn's digits with everything that ``fit`` does by default."""
    folder = tmp_path_factory.mktemp("space") / "digits.latlas"
    latlas.fit("digits", folder, epochs=30, progress=NoProgress())
    return folder


@pytest.fixture
def space(digits_space, tmp_path):
    """A copy that a test may change."""
    return latlas.open(shutil.copytree(digits_space, tmp_path / "digits.latlas"))


def picture_folder(folder, count=12, size=16, classes=("cat", "dog")):
    generator = np.random.default_rng(0)
    for index in range(count):
        place = folder / classes[index % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        array = generator.integers(0, 255, (size, size, 3), np.uint8)
        Image.fromarray(array).save(place / f"{index}.png")
    return folder


SCOPES = ("global", "per-class", "conditional")


class Listening(NoProgress):
    """Remembers what is said."""

    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)


@pytest.fixture(scope="session")
def scoped_spaces(tmp_path_factory):
    """A small space of digits for each scope, with a map, a prior and a classifier."""
    place = tmp_path_factory.mktemp("scoped")
    options = {"epochs": 8, "latent_dim": 8, "maps": ("pca",), "pictures": False}
    options["precision"] = "float32"  # no trial, and the same on every machine
    for scope in SCOPES:
        folder = place / f"{scope}.latlas"
        latlas.fit("digits", folder, scope=scope, progress=NoProgress(), **options).classifier()
    return place


@pytest.fixture
def scoped(scoped_spaces, tmp_path):
    """Opens a copy of the space of a scope, which a test may change."""

    def copy(scope):
        folder = f"{scope}.latlas"
        return latlas.open(shutil.copytree(scoped_spaces / folder, tmp_path / folder))

    return copy


@pytest.fixture(scope="session")
def spots_folder(tmp_path_factory):
    """The 400 images of ``blobs`` as files in a folder for each class, for which a judge is
    trained in some seconds."""
    folder, images = tmp_path_factory.mktemp("spots"), blobs()
    for index, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        place = folder / images.classes[label] / f"{index}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(place)
    return folder


@pytest.fixture(scope="session")
def judged_cache(tmp_path_factory):
    """One cache for all tests that need a judge, which is trained once then."""
    return tmp_path_factory.mktemp("judged")


@pytest.fixture
def kept_judge(judged_cache, own_cache, monkeypatch):
    """Lets a test use the session's judges."""
    monkeypatch.setenv("LATLAS_CACHE", str(judged_cache))
    return judged_cache

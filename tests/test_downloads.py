"""Named datasets: found on the disk, else fetched whole from a server, checked, resumable."""

import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from latlas.contracts import TEST, NoProgress, SourceError
from latlas.data import downloads
from latlas.data.downloads import DATASETS, Dataset, RemoteFile, find_dataset
from latlas.data.source import open_images


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LATLAS_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes())


PIXELS = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
FILES = {
    "train-images-idx3-ubyte.gz": idx(PIXELS[:30]),
    "train-labels-idx1-ubyte.gz": idx(np.arange(30) % 10),
    "t10k-images-idx3-ubyte.gz": idx(PIXELS[30:]),
    "t10k-labels-idx1-ubyte.gz": idx(np.arange(10)),
}


class Server(ThreadingHTTPServer):
    """Serves FILES; ``break_after`` cuts each answer, ``ranges`` allows to resume."""

    break_after = None
    ranges = True
    spoil = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.home = f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        data = FILES.get(self.path.lstrip("/"))
        if data is None:
            self.send_error(404)
            return
        if self.server.spoil:
            data = data[:-1] + b"?"
        start = 0
        if self.headers.get("Range") and self.server.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: self.server.break_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def dataset(server, monkeypatch):
    files = tuple(RemoteFile(n, hashlib.sha256(d).hexdigest(), len(d)) for n, d in FILES.items())
    made = Dataset((server.home,), files, ("mnist",))
    monkeypatch.setitem(DATASETS, "mnist", made)
    return made


class Counting(NoProgress):
    """Adds up what the stages report."""

    def __init__(self):
        self.total = self.done = 0

    def stage(self, name, total=None, unit=""):
        self.total = total
        silent = super().stage(name, total, unit)
        silent.advance = self.advance
        return silent

    def advance(self, amount=1, **_):
        self.done += amount


def test_named_dataset_is_fetched_once_and_opened(dataset, server):
    images = open_images("mnist")
    np.testing.assert_array_equal(images.pixels[..., 0], PIXELS)
    assert int((images.splits == TEST).sum()) == 10
    assert len(server.requests) == 4
    open_images("mnist", image_size=8)
    assert len(server.requests) == 4


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_goes_on_where_it_stopped(dataset, server, tmp_path, ranges):
    server.ranges = ranges
    folder = tmp_path / "cache" / "datasets" / "mnist"
    folder.mkdir(parents=True)
    first = FILES["train-images-idx3-ubyte.gz"]
    (folder / "train-images-idx3-ubyte.gz.part").write_bytes(first[:1000])
    progress = Counting()
    assert find_dataset("mnist", progress) == folder
    assert server.requests[0] == ("/train-images-idx3-ubyte.gz", "bytes=1000-")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert progress.done == progress.total == sum(map(len, FILES.values()))


def test_connection_that_breaks_off_is_taken_up_again(dataset, server):
    server.break_after = 2000
    folder = find_dataset("mnist", NoProgress())
    assert (folder / "train-images-idx3-ubyte.gz").read_bytes() == FILES[
        "train-images-idx3-ubyte.gz"
    ]
    assert ("/train-images-idx3-ubyte.gz", "bytes=4000-") in server.requests


def test_wrong_checksum_is_thrown_away(dataset, server, tmp_path):
    server.spoil = True
    with pytest.raises(SourceError, match=r"SHA-256.*expected.*thrown away"):
        find_dataset("mnist", NoProgress())
    assert list((tmp_path / "cache" / "datasets" / "mnist").iterdir()) == []
    server.spoil = False
    assert len(open_images("mnist")) == 40


def test_second_home_is_tried_when_the_first_fails(dataset, server, monkeypatch):
    homes = (server.home + "gone/", server.home)
    monkeypatch.setitem(DATASETS, "mnist", Dataset(homes, dataset.files, ("mnist",)))
    assert len(open_images("mnist")) == 40


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_offline_says_in_one_line_which_files_to_put_where(name, tmp_path, monkeypatch):
    known = DATASETS[name]
    offline = Dataset(("http://127.0.0.1:9/",), known.files, known.folders, known.others)
    monkeypatch.setitem(DATASETS, name, offline)
    with pytest.raises(SourceError) as caught:
        open_images(name)
    message = str(caught.value)
    assert "\n" not in message
    assert all(file.name in message for file in known.files)
    assert "LATLAS_DATA" in message
    monkeypatch.setenv("LATLAS_DATA", str(tmp_path))
    with pytest.raises(SourceError, match=str(tmp_path / known.folders[0])):
        open_images(name)


def test_dataset_in_latlas_data_is_used_packed_or_plain(tmp_path, monkeypatch):
    place = tmp_path / "data" / "mnist"
    place.mkdir(parents=True)
    for name, data in FILES.items():
        (place / name.removesuffix(".gz")).write_bytes(gzip.decompress(data))
    monkeypatch.setenv("LATLAS_DATA", str(tmp_path / "data"))
    assert len(open_images("mnist")) == 40
    monkeypatch.setenv("LATLAS_DATA", str(place))
    assert len(open_images("mnist")) == 40


def test_fashion_mnist_is_not_mistaken_for_mnist(tmp_path, monkeypatch):
    place = tmp_path / "fashion-mnist"
    place.mkdir()
    for name, data in FILES.items():
        (place / name).write_bytes(data)
    monkeypatch.setenv("LATLAS_DATA", str(place))
    assert open_images("fashion-mnist").classes[:2] == ("T-shirt/top", "Trouser")
    offline = Dataset(("http://127.0.0.1:9/",), DATASETS["mnist"].files, ("mnist",))
    monkeypatch.setitem(DATASETS, "mnist", offline)
    with pytest.raises(SourceError, match="mnist is not on this machine"):
        open_images("mnist")


def test_cifar10_from_its_binary_files(tmp_path, monkeypatch):
    place = tmp_path / "cifar-10-batches-bin"
    place.mkdir()
    generator = np.random.default_rng(0)
    planes = generator.integers(0, 256, (6, 4, 3, 32, 32), np.uint8)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    for name, images in zip(names, planes, strict=True):
        labels = np.arange(4, dtype=np.uint8)[:, None]
        (place / name).write_bytes(np.hstack([labels, images.reshape(4, -1)]).tobytes())
    monkeypatch.setenv("LATLAS_DATA", str(tmp_path))
    images = open_images("cifar10")
    np.testing.assert_array_equal(
        images.pixels, planes.reshape(24, 3, 32, 32).transpose(0, 2, 3, 1)
    )
    assert images.classes[3] == "cat"
    assert int((images.splits == TEST).sum()) == 4


def test_addresses_and_checksums_are_well_formed():
    for dataset in DATASETS.values():
        assert all(home.startswith("http") and home.endswith("/") for home in dataset.homes)
        assert all(len(file.sha256) == 64 and file.size > 0 for file in dataset.files)
    assert downloads.DATASETS.keys() == {"mnist", "fashion-mnist", "cifar10"}

"""Well-known datasets by name: looked up on the disk, else fetched from their public homes."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from latlas.contracts import Progress, SourceError, Stage
from latlas.data.cache import cache_root, storage_errors

__all__ = ["DATASETS", "Dataset", "RemoteFile", "fetch", "find_dataset"]

_CHUNK = 1 << 18
_TIMEOUT = 15.0


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch: its name, its SHA-256 and its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Dataset:
    """A dataset with a public home.

    Attributes:
        homes: addresses that the file names are appended to, tried in order.
        files: what to fetch.
        folders: where its files may lie below ``$LATLAS_DATA``.
        others: other files that serve as well, each for the whole dataset.
        classes: names of the labels 0, 1, ... where the files hold only numbers.
    """

    homes: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    folders: tuple[str, ...]
    others: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


# SHA-256 as published by several independent users of the same files.
DATASETS = {
    "mnist": Dataset(
        homes=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=(
            RemoteFile(
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            RemoteFile(
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
            ),
            RemoteFile(
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
            RemoteFile(
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
            ),
        ),
        folders=("mnist", "MNIST", "MNIST/raw"),
    ),
    "fashion-mnist": Dataset(
        homes=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        files=(
            RemoteFile(
                "train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            RemoteFile(
                "train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            RemoteFile(
                "t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            RemoteFile(
                "t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        ),
        folders=("fashion-mnist", "FashionMNIST", "FashionMNIST/raw"),
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "cifar10": Dataset(
        homes=("https://www.cs.toronto.edu/~kriz/",),
        files=(
            RemoteFile(
                "cifar-10-binary.tar.gz",
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                170_052_171,
            ),
        ),
        folders=("cifar10", "cifar-10"),
        others=("cifar-10-batches-bin", "cifar10-jpeg.zip"),
    ),
}


def find_dataset(name: str, progress: Progress) -> Path:
    """Where a named dataset lies, after fetching it if need be.

    Looked up in ``$LATLAS_DATA`` (the folder itself, or one in it named like the dataset), then
    in the cache; else fetched into the cache.

    Args:
        name: a key of ``DATASETS``.
        progress: shows the download.

    Returns:
        A folder or file for ``open_images``.

    Raises:
        SourceError: it is nowhere and cannot be fetched; says which files to put where.
        StorageError: the cache cannot be written.
    """
    dataset = DATASETS[name]
    data = os.environ.get("LATLAS_DATA")
    root = Path(data).expanduser() if data else None
    if root is not None:
        places = [root / folder for folder in dataset.folders]
        # MNIST's and Fashion-MNIST's files have the same names; the folder's name tells.
        if ("fashion" in root.resolve().name.lower()) == ("fashion" in name):
            places.insert(0, root)
        for place in places:
            found = _look(place, dataset)
            if found is not None:
                return found
    folder = cache_root() / "datasets" / name
    try:
        with progress.stage(f"fetch {name}", sum(f.size for f in dataset.files), "B") as stage:
            for file in dataset.files:
                fetch(file, dataset.homes, folder, stage)
    except SourceError as error:
        names = ", ".join(file.name for file in dataset.files)
        place = root / dataset.folders[0] if root is not None else folder
        others = f" (or {' or '.join(dataset.others)})" if dataset.others else ""
        variable = "" if root is not None else ", or into a folder that LATLAS_DATA names"
        raise SourceError(
            f"{name} is not on this machine and cannot be fetched: {error} "
            f"Put {names}{others} into {place}{variable}."
        ) from None
    return _look(folder, dataset) or folder


def _look(place: Path, dataset: Dataset) -> Path | None:
    """The dataset in a folder: all its files (packed or plain), or a substitute."""
    names = [file.name for file in dataset.files]
    if all(_present(place, name) for name in names):
        return place if len(names) > 1 else place / names[0]
    return next((place / other for other in dataset.others if (place / other).exists()), None)


def _present(place: Path, name: str) -> bool:
    return (place / name).is_file() or (
        name.endswith("ubyte.gz") and (place / name.removesuffix(".gz")).is_file()
    )


# --- fetching ----------------------------------------------------------------------------


def fetch(file: RemoteFile, homes: tuple[str, ...], folder: Path, stage: Stage) -> Path:
    """Fetches one file, unless it is there; goes on where an interrupted run stopped.

    The file grows under the name ``NAME.part`` and gets its name once its SHA-256 is right.

    Args:
        file: what to fetch.
        homes: addresses that its name is appended to, tried in order.
        folder: where to put it.
        stage: advanced by the bytes that are there.

    Returns:
        The file's path.

    Raises:
        SourceError: no home could give it, or what came has another SHA-256.
        StorageError: the folder cannot be written.
    """
    target = folder / file.name
    if target.is_file():
        stage.advance(file.size)
        return target
    part = folder / f"{file.name}.part"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    stage.advance(_size(part))
    failure = "no address is known."
    for home in homes:
        problem = _receive_all(home + file.name, file.size, part, stage)
        if problem is not None:
            failure = f"{home + file.name}: {problem}."
            continue
        with storage_errors(folder):
            with part.open("rb") as stream:
                got = hashlib.file_digest(stream, "sha256").hexdigest()
            if got == file.sha256:
                part.replace(target)
                return target
            part.unlink()
            stage.advance(-file.size)
        failure = (
            f"what {home + file.name} sent has the SHA-256 {got}, expected {file.sha256}; "
            "it was thrown away."
        )
    raise SourceError(failure)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _receive_all(url: str, size: int, part: Path, stage: Stage) -> str | None:
    """Fetches until the file is complete or nothing more comes; returns what went wrong."""
    while True:
        have = _size(part)
        try:
            _receive(url, size, part, stage)
            return None
        except urllib.error.HTTPError as error:
            return f"the server answers {error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            if _size(part) <= have:
                return str(getattr(error, "reason", None) or error or type(error).__name__)


def _receive(url: str, size: int, part: Path, stage: Stage) -> None:
    """Appends to ``part`` what it lacks of a file of ``size`` bytes.

    Raises:
        OSError: the network failed, or the file ended early.
        StorageError: the disk refused.
    """
    have = _size(part)
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "latlas"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        resumed = answer.status == 206
        stage.advance(0 if resumed else -have)
        with storage_errors(part.parent):
            stream = part.open("ab" if resumed else "wb")
        with stream:
            while chunk := answer.read(_CHUNK):
                with storage_errors(part.parent):
                    stream.write(chunk)
                stage.advance(len(chunk))
            with storage_errors(part.parent):
                stream.flush()
                os.fsync(stream.fileno())
    got = _size(part)
    if got < size:
        raise OSError(f"the connection ended after {got:,} of {size:,} bytes")

"""Images are decoded once; the cache is whole or absent, whatever happens meanwhile."""

import os
import shutil
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from latlas.contracts import NoProgress, RunError, StorageError
from latlas.data import decode
from latlas.data.cache import PackedStrings, cache_root
from latlas.data.files import FolderSource
from latlas.data.pixels import BadImage
from latlas.data.source import open_images


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for i in range(40):
        place = tmp_path / "set" / str(i % 4)
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (12, 10, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    return tmp_path / "set"


def entries(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache" / "images").iterdir())


def same(a, b):
    np.testing.assert_array_equal(a.pixels, b.pixels)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.splits, b.splits)
    assert list(a.uris) == list(b.uris)
    assert (a.classes, a.digest, a.skipped) == (b.classes, b.digest, b.skipped)


def test_second_run_does_not_decode_again(folder, tmp_path, monkeypatch):
    first = open_images(folder)

    def decoded_again(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(FolderSource, "read", staticmethod(decoded_again))
    same(open_images(folder), first)
    assert len(entries(tmp_path)) == 1


def test_a_changed_file_or_option_is_decoded_anew(folder):
    first = open_images(folder)
    other = open_images(folder, image_size=8)
    assert other.digest != first.digest
    assert other.shape == (8, 8, 3)
    assert open_images(folder, image_size=8, resize="pad").digest != other.digest
    Image.new("RGB", (10, 12), (1, 2, 3)).save(folder / "0" / "00.png")
    changed = open_images(folder)
    assert changed.digest != first.digest
    assert np.any(changed.pixels[0] != first.pixels[0])


def test_digest_follows_the_images_not_the_place_or_the_time(folder, tmp_path):
    first = open_images(folder)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder).as_posix())
    assert open_images(tmp_path / "copy").digest == first.digest
    assert open_images(tmp_path / "copy.zip").digest == first.digest
    assert open_images(np.array(first.pixels), labels=first.labels).digest == first.digest
    assert open_images(np.array(first.pixels), labels=first.labels[::-1]).digest != first.digest


def test_digest_follows_the_split_and_its_draw_while_the_cache_does_not(folder, tmp_path):
    options = ({}, {"seed": 1}, {"test_fraction": 0.5}, {"split": "train"}, {"split": "test"})
    digests = [open_images(folder, **given).digest for given in options]
    assert len(set(digests)) == len(options)
    assert [open_images(folder, **given).digest for given in options] == digests
    assert len(entries(tmp_path)) == 1


def test_digest_ignores_the_seed_where_the_splits_are_the_sources_own(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "own" / split).mkdir(parents=True)
        Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "own" / split / "0.png")
    whole = open_images(tmp_path / "own")
    assert open_images(tmp_path / "own", seed=1, test_fraction=0.5).digest == whole.digest
    assert open_images(tmp_path / "own", split="train").digest != whole.digest


@pytest.mark.skipif(sys.platform == "win32", reason="files have no change time")
def test_mending_the_permissions_of_a_skipped_file_is_noticed(folder, monkeypatch):
    read = FolderSource.read

    def refused(batch):
        for path, data in zip(batch["paths"], read(batch), strict=True):
            yield BadImage("cannot be read: no") if path == "0/00.png" else data

    with monkeypatch.context() as patch:
        patch.setattr(FolderSource, "read", staticmethod(refused))
        assert [item.uri for item in open_images(folder, workers=1).skipped] == ["0/00.png"]
    (folder / "0" / "00.png").chmod(0o600)
    mended = open_images(folder)
    assert (len(mended), mended.skipped) == (40, ())


@pytest.mark.parametrize("workers", [2, 3])
def test_worker_processes_write_the_same_pixels(folder, workers, monkeypatch):
    (folder / "0" / "bad.png").write_bytes(b"no image")
    monkeypatch.setattr(decode, "_BATCH", 7)
    alone = open_images(folder, workers=1)
    shutil.rmtree(cache_root())
    same(open_images(folder, workers=workers), alone)


def test_unguarded_script_with_workers_runs_once(folder, tmp_path):
    script = tmp_path / "user.py"
    script.write_text(
        "from latlas.data.source import open_images\n"
        f"print('ran', len(open_images({str(folder)!r}, workers=2)))\n"
    )
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert ran.stdout == "ran 40\n"


def test_worker_that_dies_is_reported_and_leaves_no_entry(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RunError, match="decoding process died"):
        open_images(folder, workers=2)
    assert entries(tmp_path) == []


def test_interrupted_build_leaves_nothing_that_is_used(folder, tmp_path):
    class Interrupting(NoProgress):
        def stage(self, name, total=None, unit=""):
            raise_now = super().stage(name, total, unit)
            raise_now.advance = interrupt
            return raise_now

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_images(folder, progress=Interrupting())
    assert entries(tmp_path) == []
    assert len(open_images(folder)) == 40


def test_damaged_entry_is_built_anew(folder, tmp_path):
    first = open_images(folder)
    pixels = np.array(first.pixels)
    (entry,) = (tmp_path / "cache" / "images").iterdir()
    with (entry / "pixels.npy").open("r+b") as file:
        file.truncate(500)
    np.testing.assert_array_equal(open_images(folder).pixels, pixels)
    (entry / "entry.json").write_text("{")
    np.testing.assert_array_equal(open_images(folder).pixels, pixels)


def test_leftovers_of_killed_processes_are_removed_after_a_day(folder, tmp_path):
    for name, age in (("old.part", 2 * 24 * 3600), ("new.part", 60)):
        part = tmp_path / "cache" / "images" / name
        part.mkdir(parents=True)
        os.utime(part, (time.time() - age,) * 2)
    open_images(folder)
    assert "old.part" not in entries(tmp_path)
    assert "new.part" in entries(tmp_path)


def test_two_processes_building_the_same_entry_agree(folder, tmp_path):
    code = (
        "import sys; from latlas.data.source import open_images;"
        f"i = open_images({str(folder)!r}, workers=1); print(i.digest, int(i.pixels.sum()))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    here = open_images(folder)
    assert answers == {f"{here.digest} {int(here.pixels.sum())}\n"}
    assert len(entries(tmp_path)) == 1


def test_losing_the_race_uses_the_entry_of_the_winner(folder, tmp_path, monkeypatch):
    winner = open_images(folder)
    monkeypatch.setattr("latlas.data.source.load_entry", lambda key: None)  # it came meanwhile
    same(open_images(folder), winner)
    assert len(entries(tmp_path)) == 1


def test_unwritable_cache_is_a_storage_error(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(StorageError, match="LATLAS_CACHE"):
        open_images(folder)


def test_disk_without_room_is_refused_before_decoding(folder, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"need .* GB .* left"):
        open_images(folder)
    assert entries(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("workers", [1, 2])
def test_write_that_fails_half_way_is_a_storage_error(folder, tmp_path, workers):
    code = (
        "import resource; from latlas.data.source import open_images\n"
        "from latlas.contracts import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        f"try: open_images({str(folder)!r}, workers={workers})\n"
        "except StorageError as error: print('storage', error)\n"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert ran.stdout.startswith("storage"), ran.stderr
    assert entries(tmp_path) == []


def test_pixels_are_never_held_in_memory_as_a_whole(tmp_path):
    rows = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.uint8, (3000, 128, 128, 3))
    rows[::500] = 7
    del rows
    code = (
        "import resource; from latlas.data.source import open_images\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"before = peak(); i = open_images({str(tmp_path / 'big.npy')!r})\n"
        "print(i.pixels.nbytes // 1024, peak() - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    size, growth = map(int, ran.stdout.split())  # KiB
    assert size == 3000 * 48
    assert growth < size / 3


def test_packed_strings_behave_like_a_list():
    strings = ["a", "", "grüße", "x" * 300]
    packed = PackedStrings.pack(strings)
    assert list(packed) == strings
    assert [packed[i] for i in range(-4, 4)] == strings + strings
    assert packed[1:3] == strings[1:3]
    assert len(PackedStrings.pack([])) == 0
    with pytest.raises(IndexError):
        packed[4]


def test_cache_folder_follows_the_platform_when_not_given(monkeypatch, tmp_path):
    monkeypatch.delenv("LATLAS_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "latlas"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_root() == tmp_path / "local" / "latlas"

import errno
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import latlas
from latlas.checkpoint import (
    drop_old_part,
    has_part,
    inside,
    read_arrays,
    read_json,
    read_part,
    write_file,
    write_json,
    write_part,
)
from latlas.contracts import SpaceError, StorageError


def run_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(latlas.__file__).parents[1])},
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def part(tmp_path):
    """A folder with one part, written with the value 1."""
    write_part(tmp_path / "part", {"value": 1}, {"w": np.ones(3, np.float32)})
    return tmp_path / "part"


# --- what goes in comes out --------------------------------------------------------------


def test_tensors_of_every_kind_come_back_to_the_bit(tmp_path):
    generator = torch.Generator().manual_seed(3)
    shared = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "bfloat16": torch.randn(5, generator=generator).to(torch.bfloat16),
        "float16": torch.randn(2, 2, generator=generator).half(),
        "float64": torch.tensor(math.pi, dtype=torch.float64),
        "generator": generator.get_state(),
        "int64": torch.tensor([2**62, -1]),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "special": torch.tensor([math.nan, math.inf, -0.0]),
        "view": shared.T,
        "same": shared,
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "numpy": np.arange(6, dtype=np.int32).reshape(2, 3),
    }
    digest = write_part(tmp_path / "part", {}, tensors)
    _, found = read_part(tmp_path / "part", digest)
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        expected = torch.as_tensor(value).detach().contiguous()
        assert found[name].dtype == expected.dtype, name
        assert found[name].shape == expected.shape, name
        assert (
            found[name].numpy(force=True).tobytes() == expected.numpy().tobytes()
            if (expected.dtype != torch.bfloat16)
            else torch.equal(found[name], expected)
        ), name
    restored = torch.Generator()
    restored.set_state(found["generator"])
    assert torch.equal(torch.rand(4, generator=restored), torch.rand(4, generator=generator))


def test_arrays_come_back_to_the_bit_and_can_be_written_to(tmp_path):
    arrays = {
        "scalar": np.array(2.5),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "big_endian": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 2), np.uint8),
    }
    write_part(tmp_path / "part", {}, arrays)
    found = read_arrays(tmp_path / "part").arrays
    for name, value in arrays.items():
        assert found[name].shape == value.shape
        np.testing.assert_array_equal(found[name], value)
    found["turned"][0] = 7


def test_the_config_comes_back_with_numpy_numbers_made_plain(tmp_path):
    config = {"b": [1, 2.5, None, "ü"], "a": {"c": np.float32(0.5), "d": np.int64(3)}}
    write_part(tmp_path / "part", config | {"best": math.inf}, {})
    found, tensors = read_part(tmp_path / "part")
    assert found == {"b": [1, 2.5, None, "ü"], "a": {"c": 0.5, "d": 3}, "best": math.inf}
    assert tensors == {}


def test_the_same_content_has_the_same_digest_and_any_change_another(tmp_path):
    tensors = {"w": torch.ones(3)}
    digest = write_part(tmp_path / "a", {"k": 1}, tensors)
    assert write_part(tmp_path / "b", {"k": 1}, {"w": np.ones(3, np.float32)}) == digest
    assert write_part(tmp_path / "b", {"k": 2}, tensors) != digest
    assert write_part(tmp_path / "b", {"k": 1}, {"w": torch.zeros(3)}) != digest
    assert write_part(tmp_path / "b", {"k": 1}, {"v": torch.ones(3)}) != digest
    assert len(digest) == 64


def test_arrays_need_no_torch():
    code = """
        import sys
        from pathlib import Path
        import numpy as np
        from latlas.checkpoint import read_arrays, write_part
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            write_part(Path(folder) / "part", {}, {"w": np.ones(2)})
            print(read_arrays(Path(folder) / "part").arrays["w"].sum(), "torch" in sys.modules)
    """
    assert run_python(code).communicate(timeout=60)[0] == "2.0 False\n"


def test_bfloat16_read_as_arrays_is_refused_in_words(tmp_path):
    write_part(tmp_path / "part", {}, {"w": torch.ones(2, dtype=torch.bfloat16)})
    with pytest.raises(SpaceError, match=r"BF16.*read it with torch"):
        read_arrays(tmp_path / "part")


# --- replacing ---------------------------------------------------------------------------


def test_replacing_a_part_leaves_nothing_beside_it(part):
    write_part(part, {"value": 2}, {})
    assert read_part(part).config == {"value": 2}
    assert names(part.parent) == ["part"]
    assert names(part) == ["config.json", "weights.safetensors"]


def test_the_version_to_keep_stays_readable_until_it_is_dropped(tmp_path):
    folder = tmp_path / "part"
    recorded = write_part(folder, {"value": 1}, {})
    for value in (2, 3, 4):
        newest = write_part(folder, {"value": value}, {}, keep=recorded)
        assert read_part(folder, recorded).config == {"value": 1}
        assert read_part(folder, newest).config == {"value": value}
        assert read_part(folder).config == {"value": value}
    following = write_part(folder, {"value": 5}, {}, keep=newest)
    assert read_part(folder, newest).config == {"value": 4}
    drop_old_part(folder)
    assert names(tmp_path) == ["part"]
    assert read_part(folder, following).config == {"value": 5}
    with pytest.raises(SpaceError, match="edited or damaged"):
        read_part(folder, newest)


def test_a_part_set_aside_by_a_crash_is_read_and_then_replaced(part):
    part.rename(part.with_name(".part.old"))
    (part.parent / ".part.new").mkdir()
    (part.parent / ".part.new" / "config.json").write_text("{")
    assert has_part(part)
    assert read_part(part).config == {"value": 1}
    write_part(part, {"value": 2}, {})
    assert read_part(part).config == {"value": 2}
    assert names(part.parent) == ["part"]


def test_dropping_what_was_kept_never_drops_the_only_version(part):
    part.rename(part.with_name(".part.old"))
    drop_old_part(part)
    assert read_part(part).config == {"value": 1}


KILL_AT = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from latlas.checkpoint import write_part

    calls, limit = 0, int(sys.argv[2])

    def deadly(event, arguments):
        global calls
        if event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}:
            calls += 1
            if calls == limit:
                os.kill(os.getpid(), 9)

    array = np.full(1000, 2, np.float32)
    keep = sys.argv[3] or None
    sys.addaudithook(deadly)
    write_part(Path(sys.argv[1]), {"value": 2}, {"w": array}, keep=keep)
    print("done", calls)
"""


def test_kill_at_any_step_leaves_the_old_part_or_the_new_one(tmp_path):
    folder, step, seen = tmp_path / "part", 0, set()
    while True:
        step += 1
        write_part(folder, {"value": 1}, {"w": np.full(1000, 1, np.float32)})
        child = run_python(KILL_AT, folder, step, "")
        output, errors = child.communicate(timeout=60)
        config, arrays = read_arrays(folder)
        assert (arrays["w"] == config["value"]).all()
        assert len(arrays["w"]) == 1000
        assert has_part(folder)
        seen.add(config["value"])
        if output.startswith("done"):
            break
        assert child.returncode == -signal.SIGKILL, errors
    assert seen == {1, 2}
    assert step > 8
    assert names(tmp_path) == ["part"]


def test_kill_while_writing_large_parts_leaves_a_whole_one(tmp_path):
    code = """
        import itertools, sys
        from pathlib import Path
        import numpy as np
        from latlas.checkpoint import write_part

        for value in itertools.count():
            tensors = {"w": np.full(1_000_000, value, np.float32)}
            write_part(Path(sys.argv[1]), {"value": value}, tensors)
            print(value, flush=True)
    """
    for lines in (1, 3, 4):
        child = run_python(code, tmp_path / "part")
        for _ in range(lines):
            assert child.stdout.readline()
        child.kill()
        child.communicate()
        config, arrays = read_arrays(tmp_path / "part")
        assert (arrays["w"] == config["value"]).all()
    write_part(tmp_path / "part", {}, {})
    assert names(tmp_path) == ["part"]


# --- damage ------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_part, read_arrays])
@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", b"{", "is not JSON"),
        ("config.json", b"\xff\xfe\x00", "is not JSON"),
        ("config.json", b"[" * 100_000, "is not JSON"),
        ("config.json", b"[1]", "holds a JSON list; expected an object"),
        ("weights.safetensors", b"", "truncated or damaged"),
        ("weights.safetensors", b"\xff" * 100, "truncated or damaged"),
        ("weights.safetensors", None, "is missing"),
        ("config.json", None, "is missing"),
    ],
)
def test_a_damaged_part_is_an_error_in_words(part, read, file, content, words):
    if content is None:
        (part / file).unlink()
    else:
        (part / file).write_bytes(content)
    with pytest.raises(SpaceError, match=words) as caught:
        read(part)
    assert str(part) in str(caught.value)


def test_truncated_weights_are_an_error_at_every_length(part):
    whole = (part / "weights.safetensors").read_bytes()
    for length in range(len(whole)):
        (part / "weights.safetensors").write_bytes(whole[:length])
        with pytest.raises(SpaceError, match="truncated or damaged"):
            read_part(part)


def test_an_edited_part_is_told_by_its_digest(tmp_path):
    digest = write_part(tmp_path / "part", {"value": 1}, {"w": np.ones(3, np.float32)})
    for file, old, new in [("config.json", b"1", b"2"), ("weights.safetensors", b"\x80", b"\x81")]:
        path = tmp_path / "part" / file
        whole = path.read_bytes()
        path.write_bytes(whole.replace(old, new))
        read_part(tmp_path / "part")
        with pytest.raises(SpaceError, match="edited or damaged"):
            read_part(tmp_path / "part", digest)
        path.write_bytes(whole)
    assert read_part(tmp_path / "part", digest).config == {"value": 1}


def test_a_missing_part_is_an_error_in_words(tmp_path):
    assert not has_part(tmp_path / "part")
    with pytest.raises(SpaceError, match="is missing"):
        read_part(tmp_path / "part")


def test_links_are_refused(part, tmp_path):
    (tmp_path / "link").symlink_to(part)
    with pytest.raises(SpaceError, match="is a link"):
        read_part(tmp_path / "link")
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    (part / "config.json").unlink()
    (part / "config.json").symlink_to(secret)
    with pytest.raises(SpaceError, match="is a link"):
        read_part(part)
    with pytest.raises(SpaceError, match="is a link"):
        read_json(part / "config.json")


def test_no_name_and_no_link_leads_out_of_the_folder(tmp_path):
    root = tmp_path / "space"
    (root / "maps").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path)
    assert inside(root, "maps", "pca") == root / "maps" / "pca"
    for names_ in (["..", "x"], ["maps", "../../x"], ["/etc/passwd"], ["out", "x"]):
        with pytest.raises(SpaceError, match="leads out of"):
            inside(root, *names_)
    (tmp_path / "alias").symlink_to(root)
    assert inside(tmp_path / "alias", "maps").is_dir()


# --- single files ------------------------------------------------------------------------


def test_json_comes_back_and_a_second_write_replaces_the_first(tmp_path):
    path = tmp_path / "deep" / "space.json"
    for value in ({"a": [1, "ü"]}, [None, 2.5]):
        write_json(path, value)
        assert read_json(path) == value
    assert names(path.parent) == ["space.json"]
    assert json.loads(path.read_text("utf-8")) == [None, 2.5]


@pytest.mark.parametrize("value", [math.nan, {"a": math.inf}])
def test_json_has_no_infinities(tmp_path, value):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == 1


def test_bad_json_files_are_errors_in_words(tmp_path):
    with pytest.raises(SpaceError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(SpaceError, match=r"a\.json is not JSON"):
        read_json(tmp_path / "a.json")


# --- a disk that does not take it --------------------------------------------------------


def test_a_file_in_the_place_of_a_folder_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("precious")
    for folder in (tmp_path / "file", tmp_path / "file" / "part"):
        with pytest.raises(StorageError, match=r"Cannot write .*choose a folder"):
            write_part(folder, {}, {})
    with pytest.raises(StorageError, match="Cannot write"):
        write_file(tmp_path / "file" / "x", b"")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_full_disk_is_an_error_in_words_and_the_old_part_stays(part):
    pytest.importorskip("resource")
    code = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from latlas.checkpoint import write_file, write_part
        from latlas.contracts import StorageError

        folder = Path(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        for write in (
            lambda: write_part(folder, {"value": 2}, {"w": np.ones(100_000)}),
            lambda: write_file(folder.parent / "file", bytes(100_000)),
        ):
            try:
                write()
            except StorageError as error:
                print(error)
    """
    output, errors = run_python(code, part).communicate(timeout=60)
    assert output.count("File too large. Free some space") == 2, errors
    assert read_part(part).config == {"value": 1}
    assert names(part.parent) == ["part"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_what_the_system_says_is_passed_on_in_words(part, monkeypatch, number, words):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=rf"{words}\. Free some space, or choose a folder"):
        write_part(part, {"value": 2}, {})
    with pytest.raises(StorageError, match=words):
        write_json(part.parent / "a.json", {"a": 1})
    assert read_part(part).config == {"value": 1}
    assert names(part.parent) == ["part"]


def test_a_link_in_the_place_of_a_new_file_is_not_written_through(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".a.json.new").symlink_to(tmp_path / "precious")
    write_json(tmp_path / "a.json", 1)
    assert (tmp_path / "precious").read_text() == "kept"
    assert read_json(tmp_path / "a.json") == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_without_permission_is_an_error_in_words(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            write_part(tmp_path / "part", {}, {})
    finally:
        tmp_path.chmod(0o700)

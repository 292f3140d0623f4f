import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import latlas
from latlas.contracts import LatentRows, OptionError, SpaceError, StorageError
from latlas.store import LatentStore

SOURCES = Path(latlas.__file__).parents[1]
TESTS = Path(__file__).parent
FIXTURE = TESTS / "fixtures" / "store-v1"


def make_rows(count, latent_dim=4, first=0, ids=None):
    ids = np.arange(first, first + count) if ids is None else np.asarray(ids)
    return LatentRows(
        ids=ids,
        uris=[f"image {i}é.png" for i in ids],
        labels=ids % 3 - 1,
        splits=(ids % 2).astype(np.uint8),
        z=(ids[:, None] + np.arange(latent_dim) / 8).astype(np.float32),
        errors=(ids / 16).astype(np.float32),
        thumbnails=[b"PNG" + bytes([i % 256]) * (i % 5) for i in ids],
    )


def assert_same(latents, rows):
    np.testing.assert_array_equal(latents.ids, rows.ids)
    np.testing.assert_array_equal(latents.labels, rows.labels)
    np.testing.assert_array_equal(latents.splits, rows.splits)
    np.testing.assert_array_equal(latents.z, rows.z)
    np.testing.assert_array_equal(latents.errors, rows.errors)
    assert list(latents.uris) == list(rows.uris)
    dtypes = [a.dtype for a in (latents.ids, latents.labels, latents.splits, latents.z)]
    assert dtypes == [np.int64, np.int64, np.uint8, np.float32]


def run_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [SOURCES, TESTS]))},
    )


@pytest.fixture
def store(tmp_path):
    store = LatentStore.create(tmp_path / "latents", 4)
    store.append(make_rows(10))
    return store


def test_rows_come_back_as_they_went_in(store, tmp_path):
    reopened = LatentStore.open(tmp_path / "latents")
    assert len(reopened) == 10
    assert reopened.latent_dim == 4
    assert reopened.version == store.version
    latents = reopened.latents(("a", "b"))
    assert latents.classes == ("a", "b")
    assert_same(latents, make_rows(10))


def test_an_empty_table_has_empty_columns(tmp_path):
    latents = LatentStore.create(tmp_path / "latents", 3).latents()
    assert latents.z.shape == (0, 3)
    assert len(latents) == 0
    assert latents.uris == []


def test_columns_come_ordered_by_id_whatever_the_order_of_writing(tmp_path):
    store = LatentStore.create(tmp_path / "latents", 4)
    store.append(make_rows(3, ids=[7, 1, 5]))
    store.append(make_rows(2, ids=[3, 0]))
    assert_same(store.latents(), make_rows(5, ids=[0, 1, 3, 5, 7]))
    xy = np.arange(10, dtype=np.float32).reshape(5, 2)
    for values in (xy, -xy):
        store.set_map("pca", values)
        np.testing.assert_array_equal(store.map("pca"), values)
    assert store.thumbnails([5, 0, 5]) == make_rows(3, ids=[5, 0, 5]).thumbnails


def test_rows_of_some_ids_come_in_the_order_asked_for(store):
    rows = store.rows([8, 2, 8])
    assert_same(rows, make_rows(3, ids=[8, 2, 8]))
    assert rows.thumbnails == make_rows(3, ids=[8, 2, 8]).thumbnails


@pytest.mark.parametrize("wanted", [[10], [-1], [3, 99]])
def test_an_unknown_id_is_refused_in_words(store, wanted):
    with pytest.raises(OptionError, match=rf"no image with id {wanted[-1]}.*from 0 to 9"):
        store.rows(wanted)


def test_a_stream_of_blocks_is_one_commit(store, monkeypatch):
    monkeypatch.setattr("latlas.store.table._FRAGMENT_BYTES", 500)  # several files in one commit
    before = store.version
    store.append_stream(make_rows(7, first=start) for start in range(10, 80, 7))
    assert store.version == before + 1
    assert_same(store.latents(), make_rows(80))


def test_an_exception_inside_a_stream_passes_through_and_adds_nothing(store, tmp_path, monkeypatch):
    monkeypatch.setattr("latlas.store.table._FRAGMENT_BYTES", 1)

    def blocks():
        yield make_rows(5, first=10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.append_stream(blocks())
    assert_same(LatentStore.open(tmp_path / "latents").latents(), make_rows(10))


def test_maps_are_added_replaced_and_listed(store, tmp_path):
    xy = np.random.default_rng(0).standard_normal((10, 2)).astype(np.float32)
    store.set_map("pca", xy)
    store.set_map("umap", xy + 1)
    store.set_map("pca", -xy)
    reopened = LatentStore.open(tmp_path / "latents")
    assert reopened.map_names() == ("pca", "umap")
    np.testing.assert_array_equal(reopened.map("pca"), -xy)
    np.testing.assert_array_equal(reopened.map("umap"), xy + 1)
    assert_same(reopened.latents(), make_rows(10))


def test_rows_added_later_bring_their_coordinates_or_have_none(store):
    xy = np.arange(20, dtype=np.float32).reshape(10, 2)
    store.set_map("pca", xy)
    store.set_map("umap", -xy)
    new = np.full((3, 2), 7, np.float32)
    store.append_stream([(make_rows(3, first=10), {"pca": new})])
    np.testing.assert_array_equal(store.map("pca"), np.concatenate([xy, new]))
    np.testing.assert_array_equal(store.map("umap")[:10], -xy)
    assert np.isnan(store.map("umap")[10:]).all()
    whole = np.random.default_rng(1).standard_normal((13, 2)).astype(np.float32)
    store.set_map("umap", whole)
    store.set_map("third", whole)
    np.testing.assert_array_equal(store.map("umap"), whole)
    np.testing.assert_array_equal(store.map("third"), whole)
    assert_same(store.latents(), make_rows(13))


def test_a_column_comes_by_name(store):
    np.testing.assert_array_equal(store.column("error"), make_rows(10).errors)
    assert store.column("thumbnail").tolist() == make_rows(10).thumbnails
    with pytest.raises(OptionError, match="no column 'zz'; choose one of: id, uri"):
        store.column("zz")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"z": np.zeros((2, 3), np.float32)}, r"column z of 2 new rows has shape \[2, 3\]"),
        ({"labels": np.zeros(3)}, r"label of 2 new rows has shape \[3\]"),
        ({"uris": ["one"]}, r"uri of 2 new rows has shape \[1\]"),
        ({"ids": np.array([4, 20])}, "id 4 is given twice or is in the table"),
        ({"ids": np.array([20, 20])}, "id 20 is given twice"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_add_nothing(store, change, words):
    rows = make_rows(2, first=10)
    with pytest.raises(OptionError, match=words):
        store.append(LatentRows(**{**rows.__dict__, **change}))
    assert len(store) == 10


def test_maps_that_do_not_fit_are_refused(store):
    xy = np.zeros((10, 2), np.float32)
    with pytest.raises(OptionError, match=r"shape \[9, 2\]; expected \[10, 2\]"):
        store.set_map("pca", xy[:9])
    with pytest.raises(OptionError, match=r"map name '\.\./x' is not one"):
        store.set_map("../x", xy)
    with pytest.raises(OptionError, match="no map 'pca'; maps of this space: none yet"):
        store.map("pca")
    with pytest.raises(OptionError, match="no map 'pca' to add rows to"):
        store.append(make_rows(2, first=10), {"pca": xy[:2]})
    with pytest.raises(OptionError, match="no rows to place"):
        LatentStore.create(store._path.with_name("other"), 4).set_map("pca", xy[:0])


def test_a_dimension_below_one_is_refused(tmp_path):
    with pytest.raises(OptionError, match="at least 1 dimension; got 0"):
        LatentStore.create(tmp_path / "latents", 0)


def test_a_table_is_never_made_over_another(store, tmp_path):
    with pytest.raises(SpaceError, match="holds latents already"):
        LatentStore.create(tmp_path / "latents", 4)
    assert len(LatentStore.open(tmp_path / "latents")) == 10


def test_odd_folder_names_work(tmp_path):
    path = tmp_path / "a b%20c#d?é:" / "latents"
    LatentStore.create(path, 4).append(make_rows(3))
    assert path.is_dir()
    assert_same(LatentStore.open(path).latents(), make_rows(3))


def test_a_relative_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LatentStore.create(Path("latents"), 4).append(make_rows(3))
    assert_same(LatentStore.open(tmp_path / "latents").latents(), make_rows(3))


def test_an_earlier_version_can_be_read_and_made_the_latest(store, tmp_path):
    earlier = store.version
    store.append(make_rows(5, first=10))
    old = LatentStore.open(tmp_path / "latents", earlier)
    assert_same(old.latents(), make_rows(10))
    old.restore()
    assert_same(LatentStore.open(tmp_path / "latents").latents(), make_rows(10))
    old.append(make_rows(2, first=10))
    assert_same(LatentStore.open(tmp_path / "latents").latents(), make_rows(12))


# --- what is not a table, or not a whole one ---------------------------------------------


def test_what_is_not_a_table_is_refused_in_words(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("hello")
    for name in ("missing", "empty", "file"):
        with pytest.raises(SpaceError, match="is not a table of latents"):
            LatentStore.open(tmp_path / name)


def test_a_table_of_something_else_is_refused(tmp_path):
    import lance
    import pyarrow

    lance.write_dataset(pyarrow.table({"a": [1]}), str(tmp_path / "other"))
    with pytest.raises(SpaceError, match="columns a; expected those of a latent table"):
        LatentStore.open(tmp_path / "other")


def test_a_newer_format_says_so(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("latlas.store.columns._FORMAT", 2)
        LatentStore.create(tmp_path / "latents", 4)
    with pytest.raises(SpaceError, match=r"has format 2 and this latlas reads up to 1.*newer"):
        LatentStore.open(tmp_path / "latents")


def test_a_link_out_of_the_folder_is_refused(store, tmp_path):
    data = next((tmp_path / "latents" / "data").iterdir())
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpaceError, match="holds a link"):
        LatentStore.open(tmp_path / "latents")


@pytest.mark.parametrize("part", ["data", "_versions"])
@pytest.mark.parametrize("damage", ["removed", "empty", "half", "zeros", "noise"])
def test_a_damaged_table_is_an_error_in_words(store, tmp_path, part, damage):
    for path in (tmp_path / "latents" / part).iterdir():
        whole = path.read_bytes()
        noise = np.random.default_rng(0).bytes(len(whole))
        new = {"empty": b"", "half": whole[: len(whole) // 2], "zeros": bytes(len(whole))}
        path.write_bytes(new.get(damage, noise))
        if damage == "removed":
            path.unlink()
    with pytest.raises(SpaceError, match=r"restore it\s+from a copy|not a table of latents"):
        LatentStore.open(tmp_path / "latents").latents()


# --- crashes and other processes ---------------------------------------------------------

APPEND_FOREVER = """
    import sys
    from pathlib import Path
    from test_store import make_rows
    from latlas.store import LatentStore, table

    table._FRAGMENT_BYTES = 1
    store = LatentStore.open(Path(sys.argv[1]))

    def blocks():
        for start in range(10, 10**9, 1000):
            yield make_rows(1000, first=start)
            print(start, flush=True)

    store.append_stream(blocks())
"""


def test_a_process_killed_inside_a_write_leaves_the_version_before_it(store, tmp_path):
    path = tmp_path / "latents"
    whole = {file for file in path.rglob("*") if file.is_file()}
    writer = run_python(APPEND_FOREVER, path)
    for _ in range(5):
        assert writer.stdout.readline(), writer.stderr.read()
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()

    reopened = LatentStore.open(path)
    assert_same(reopened.latents(), make_rows(10))
    assert {file for file in path.rglob("*") if file.is_file()} > whole
    reopened.tidy()
    assert {file for file in path.rglob("*") if file.is_file()} == whole
    reopened.append(make_rows(2, first=10))
    assert_same(LatentStore.open(path).latents(), make_rows(12))


def test_tidying_removes_what_older_versions_alone_need(store, tmp_path):
    xy = np.zeros((10, 2), np.float32)
    for value in range(4):
        store.set_map("pca", xy + value)
    store.tidy(timedelta(0))
    assert len(list((tmp_path / "latents" / "data").iterdir())) == 2
    reopened = LatentStore.open(tmp_path / "latents")
    np.testing.assert_array_equal(reopened.map("pca"), xy + 3)
    assert_same(reopened.latents(), make_rows(10))


READ_UNTIL_DONE = """
    import sys
    from pathlib import Path
    import numpy as np
    from latlas.store import LatentStore

    seen = set()
    print("ready", flush=True)
    while len(seen) == 0 or max(seen) < 400:
        store = LatentStore.open(Path(sys.argv[1]))
        latents, xy = store.latents(), store.map("pca")
        assert len(latents) % 40 == 0 and len(xy) == len(latents), (len(latents), len(xy))
        assert (latents.z[:, 0] == latents.ids).all()
        assert len(set(xy[:, 0])) == 1, "a map of two versions"
        assert (np.diff(latents.ids) == 1).all()
        seen.add(len(latents))
    print(len(seen))
"""


def test_a_reader_in_another_process_sees_whole_versions_only(tmp_path):
    path = tmp_path / "latents"
    store = LatentStore.create(path, 4)
    store.append(make_rows(40))
    store.set_map("pca", np.zeros((40, 2), np.float32))
    reader = run_python(READ_UNTIL_DONE, path)
    assert reader.stdout.readline() == "ready\n", reader.stderr.read()
    for step in range(1, 10):
        same = np.full((40, 2), step - 1, np.float32)
        store.append(make_rows(40, first=40 * step), {"pca": same})
        store.set_map("pca", np.full((40 * (step + 1), 2), step, np.float32))
    output, errors = reader.communicate(timeout=120)
    assert reader.returncode == 0, errors
    assert int(output) >= 1


def test_a_disk_that_takes_no_more_is_an_error_in_words_and_changes_nothing(store, tmp_path):
    pytest.importorskip("resource")
    code = """
        import resource, signal, sys
        from pathlib import Path
        from test_store import make_rows
        from latlas.contracts import StorageError
        from latlas.store import LatentStore

        store = LatentStore.open(Path(sys.argv[1]))
        rows = make_rows(20000, first=10)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            store.append(rows)
        except StorageError as error:
            print(error)
    """
    output, errors = run_python(code, tmp_path / "latents").communicate(timeout=120)
    assert "File too large. Free some space" in output, errors
    assert_same(LatentStore.open(tmp_path / "latents").latents(), make_rows(10))


def test_a_file_where_a_folder_should_be_is_an_error_in_words(tmp_path):
    (tmp_path / "space").write_text("not a folder")
    with pytest.raises(StorageError, match="Cannot write the table of latents"):
        LatentStore.create(tmp_path / "space" / "latents", 4)


def test_importing_the_store_does_not_load_lance():
    code = "import sys, latlas.store; print({'lance', 'pyarrow', 'torch'} & set(sys.modules))"
    assert run_python(code).communicate(timeout=120)[0] == "set()\n"


# --- old formats -------------------------------------------------------------------------


def test_a_table_written_by_the_first_format_still_opens(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "latents")
    store = LatentStore.open(tmp_path / "latents")
    assert_same(store.latents(), make_rows(6))
    assert store.thumbnails(range(6)) == make_rows(6).thumbnails
    assert store.map_names() == ("pca",)
    np.testing.assert_array_equal(store.map("pca")[:, 1], [0, 1, 2, 3, 4, 5])
    store.append(make_rows(2, first=6), {"pca": np.zeros((2, 2), np.float32)})
    assert_same(store.latents(), make_rows(8))

"""A space for people without latlas: the one-file page, the vectors, the nets."""

from __future__ import annotations

import gzip
import json
import lzma
import re

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from onnx.reference import ReferenceEvaluator

import latlas
from conftest import Listening
from latlas.atlas import Atlas
from latlas.cli import main
from latlas.contracts import OptionError
from latlas.exporting import as_text, export_page
from latlas.webpage import page_file

PART = re.compile(
    rb'<script type="application/x-latlas" data-name="([^"]*)" data-packing="(\w+)">'
    rb"([^<]*)</script>"
)
UNPACK = {b"gzip": gzip.decompress, b"lzma": lzma.decompress}


def as_bytes(text):
    """What the page makes of the text of a part."""
    return re.sub(rb"=(.)", lambda found: bytes([found[1][0] - 64]), text, flags=re.DOTALL)


def parts(page):
    """Every part that a page carries, by name; a name that comes twice is an error."""
    found = PART.findall(page)
    assert len({name for name, _, _ in found}) == len(found)
    return {name.decode(): UNPACK[packing](as_bytes(text)) for name, packing, text in found}


@pytest.fixture(scope="module")
def shared(digits_space):
    return latlas.open(digits_space)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A page that is as small as can be, in the shape of the built one."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(
        '<!doctype html><html><head><meta charset="utf-8" /><title>latlas</title>'
        '<link rel="stylesheet" href="assets/latlas.css" /></head><body><div id="page"></div>'
        '<script type="module" src="assets/latlas.js"></script></body></html>'
    )
    (folder / "latlas.css").write_text("body { margin: 0 }")
    (folder / "latlas.js").write_text(r'const end = "</script>", group = /\1/;')
    (folder / "worker.js").write_text("self.onmessage = () => undefined;")
    (folder / "THIRD_PARTY.txt").write_text("preact, licence MIT\nCopyright <its people>\n")
    (folder / "ort.wasm").write_bytes(b"\0asm" + bytes(range(256)) * 40)
    return folder


def test_the_page_carries_the_licences_of_what_it_is_made_of(shared, built):
    page = export_page(shared, images=20, built=built)
    assert b"preact, licence MIT\nCopyright <its people>" in page


# --- the page ----------------------------------------------------------------------------


def test_every_byte_comes_through_as_text_of_a_page():
    data = bytes(range(256)) * 3
    text = as_text(data)
    assert as_bytes(text) == data
    assert not set(text) & set(b"\0\r\n<")
    assert len(text) == len(data) + 5 * 3


def test_random_bytes_grow_by_two_percent():
    data = np.random.default_rng(0).bytes(100_000)
    assert len(as_text(data)) == pytest.approx(1.02 * len(data), rel=0.003)


def test_the_page_carries_each_resource_once(shared, built):
    carried = parts(export_page(shared, built=built))
    atlas = Atlas(shared)
    assert set(carried) == {*atlas.names(), "manifest", "worker.js", "ort.wasm"}
    for name in atlas.names():
        assert carried[name] == atlas.resource(name).data, name
    assert carried["ort.wasm"] == page_file("ort.wasm", built)
    manifest = json.loads(carried["manifest"])
    assert manifest["server"] is None
    assert manifest["rows"] == len(shared)
    assert all(sheet["error"] > 0 for sheet in manifest["sheets"].values())


def test_nothing_in_the_page_ends_it_early_or_asks_for_a_file(shared, built):
    page = export_page(shared, images=20, built=built)
    assert page.count(b"</script") == page.count(b"<script")
    assert rb'const end = "<\/script>", group = /\1/;' in page
    assert b'<meta charset="windows-1252" />' in page
    assert b"<title>digits &#183; latlas</title>" in page
    assert b"<style>body { margin: 0 }</style>" in page
    assert not re.search(rb'(src|href)="', page)


def test_the_same_space_gives_the_same_file(shared, built):
    assert export_page(shared, images=30, built=built) == export_page(
        shared, images=30, built=built
    )


@pytest.mark.parametrize("most", [1, 100, 777])
def test_a_thinned_page_keeps_the_share_of_each_class(shared, built, most):
    listening = Listening()
    page = export_page(shared, images=most, built=built, progress=listening)
    carried = parts(page)
    manifest = json.loads(carried["manifest"])
    ids = np.frombuffer(carried["ids"], "<i4")
    assert manifest["rows"] == len(ids) == most
    assert (np.diff(ids) > 0).all()
    counts = np.array([each["count"] for each in manifest["classes"]])
    whole = np.bincount(shared.latents.labels, minlength=10)
    assert np.abs(counts - whole * most / len(shared)).max() <= 1
    assert listening.said == [f"the page carries {most:,} of 1,797 images; --images changes that"]


def test_a_page_that_carries_all_says_nothing(shared, built):
    listening = Listening()
    export_page(shared, images=1797, built=built, progress=listening)
    assert listening.said == []


def test_a_page_that_is_not_built_is_said_in_words(shared, tmp_path):
    with pytest.raises(OptionError, match=r"not built.*make web"):
        export_page(shared, built=tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("latlas.js", 'const text = "…";'), ("index.html", "<!doctype html><title>latlas</title>")],
)
def test_a_page_of_another_version_is_said_in_words(shared, built, tmp_path, name, content):
    for file in built.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=r"not of this version.*make web"):
        export_page(shared, images=5, built=tmp_path)


# --- vectors -----------------------------------------------------------------------------


def test_vectors_as_parquet_hold_what_those_as_npz_hold(shared, tmp_path):
    [table_file] = latlas.export(shared, tmp_path / "v.parquet")
    [array_file] = latlas.export(shared, tmp_path / "v.npz")
    table = pq.read_table(table_file)
    with np.load(array_file, allow_pickle=False) as arrays:
        assert set(arrays.files) == set(table.column_names)
        for name in ("id", "label", "split", "uri"):
            assert table[name].to_pylist() == arrays[name].tolist()
        z = np.array(table["z"].to_pylist(), np.float32)
        assert np.array_equal(z, arrays["z"])
    assert table.schema.field("z").type.list_size == 16


def test_labels_that_are_not_known_are_null_in_parquet(space, tmp_path):
    latents = space.latents
    latents.labels[3] = -1
    table = pq.read_table(latlas.write_vectors(tmp_path / "v.parquet", latents))
    assert table["label"][3].as_py() is None
    assert table["label"].null_count == 1
    assert table["told"].to_pylist()[3] == space.classes[latents.told[3]]


# --- nets --------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["global", "per-class", "conditional"])
def test_the_nets_draw_what_the_space_draws(scoped, tmp_path, scope):
    space = scoped(scope)
    files = latlas.export(space, tmp_path / "nets")
    assert {file.parent for file in files} == {tmp_path / "nets"}
    facts = json.loads((tmp_path / "nets" / "nets.json").read_text())
    assert [each["file"] for each in facts["nets"]] == [file.name for file in files[:-1]]
    assert facts["classes"] == list(space.classes)
    row = 11
    label = int(space.latents.told[row])
    owner = facts["owners"][label] if facts["owners"] else 0
    z = space.latents.z[[row]]
    feed = {"z": z}
    if facts["nets"][0]["told"]:
        feed["label"] = np.eye(len(space.classes), dtype=np.float32)[[label]]
    net = onnx.load(tmp_path / "nets" / f"decoder-{owner}.onnx")
    image = ReferenceEvaluator(net).run(None, feed)[0]
    expected = space.decode(z, None if scope == "global" else space.label(label))
    drawn = 255 * image.transpose(0, 2, 3, 1)
    assert np.abs(drawn - expected).max() <= 2


# --- mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        ("space.docx", {}, "expected an .html page, vectors as .npz or .parquet, or a folder"),
        ("page.html", {"images": 0}, "images is 0; a page carries at least 1"),
        ("v.npz", {"images": 5}, "images is 5, which says how many images an .html page carries"),
    ],
)
def test_a_wrong_output_is_said_in_words(shared, tmp_path, output, options, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        latlas.export(shared, tmp_path / output, **options)
    assert list(tmp_path.iterdir()) == []


def test_nets_are_not_written_into_a_space(space):
    before = sorted(space.folder.iterdir())
    with pytest.raises(OptionError, match="is a space; name another folder"):
        latlas.export(space, space.folder)
    assert sorted(space.folder.iterdir()) == before


def test_the_command_says_what_it_wrote(digits_space, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(digits_space), str(tmp_path / "nets"), "--json"])
    assert ended.value.code == 0
    said = json.loads(capsys.readouterr().out)
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "nets").iterdir()}
    assert {each["path"]: each["bytes"] for each in said["files"]} == {
        str(tmp_path / "nets" / name): size for name, size in sizes.items()
    }


def test_the_command_says_a_mistake_in_one_line(digits_space, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(digits_space), str(tmp_path / "all.zip")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("latlas: the output is ")


# --- an atlas of some rows ---------------------------------------------------------------


@pytest.fixture
def classified(space):
    space.classifier()
    return space


ROWS = np.arange(5, 1797, 7)
SIZES = {"map": ("<u2", 2), "column": (None, 1), "z": ("<f2", 16)}


def test_an_atlas_of_some_rows_has_their_entries_of_all(classified):
    some, whole = Atlas(classified, rows=ROWS), Atlas(classified)
    manifest = some.manifest()
    assert manifest["rows"] == len(ROWS)
    assert manifest["ids"]
    ids = np.frombuffer(some.resource("ids").data, "<i4")
    assert (ids == classified.latents.ids[ROWS]).all()
    assert manifest["z"]["bytes"] == len(some.resource("z").data) == 2 * 16 * len(ROWS)
    dtypes = {f"column-{each['name']}": f"<{each['dtype']}" for each in manifest["columns"]}
    for name in some.names():
        dtype, width = SIZES.get(name.split("-")[0], (None, 0))
        if width:
            dtype = dtype or dtypes[name]
            entries = np.frombuffer(whole.resource(name).data, dtype).reshape(-1, width)
            own = np.frombuffer(some.resource(name).data, dtype).reshape(-1, width)
            assert (own == entries[ROWS]).all(), name


def test_what_is_of_the_whole_space_is_the_same_for_some_rows(classified):
    some, whole = Atlas(classified, rows=ROWS), Atlas(classified)
    for name in some.names():
        if name.startswith(("borders", "mixture", "decoder", "encoder", "sheet-net")):
            assert some.resource(name).data == whole.resource(name).data, name
    for part in ("maps", "sheets", "linear", "knn", "pca", "columns"):
        assert some.manifest()[part] == whole.manifest()[part]


def test_the_fog_and_the_fingerprint_are_those_of_the_rows(classified):
    some, other = Atlas(classified, rows=ROWS), Atlas(classified, rows=ROWS[1:])
    whole = Atlas(classified)
    latents = classified.latents
    train = ROWS[latents.splits[ROWS] == 0]
    held = ROWS[latents.splits[ROWS] == 1]
    apart = np.linalg.norm(latents.z[held][:, None] - latents.z[train][None], axis=2).min(axis=1)
    expected = np.quantile(apart, np.linspace(0, 1, 101))
    assert some.manifest()["fog"] == pytest.approx(expected, rel=1e-4)
    assert some.manifest()["fog"][50] > whole.manifest()["fog"][50]
    prints = {each.manifest()["fingerprint"] for each in (some, other, whole)}
    assert len(prints) == 3
    assert Atlas(classified, rows=ROWS).manifest()["fingerprint"] in prints


@pytest.mark.parametrize("rows", [[], [3, 3], [4, 2], [-1], [1797]])
def test_rows_that_are_not_there_are_refused(space, rows):
    with pytest.raises(OptionError, match="ascending numbers of 0 to 1796"):
        Atlas(space, rows=np.array(rows, np.int64))


def test_labels_and_tags_of_the_reader_go_along(space, built):
    before = json.loads(parts(export_page(space, images=20, built=built))["manifest"])
    assert not before["edits"]
    edits = latlas.Edits(space)
    edits.relabel([3], "9")
    edits.tag([3, 4], "odd")
    carried = parts(export_page(space, images=20, built=built))
    assert json.loads(carried["manifest"])["edits"]
    state = json.loads(carried["edits"])
    assert state["labels"] == {"3": "9"}
    assert state["tags"] == {"odd": [3, 4]}


def test_a_thinned_page_knows_how_many_there_are(shared, built):
    manifest = json.loads(parts(export_page(shared, images=20, built=built))["manifest"])
    assert (manifest["rows"], manifest["total"]) == (20, len(shared))

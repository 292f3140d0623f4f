"""Relabels and tags: a layer beside the labels that survives crashes and second tabs."""

from __future__ import annotations

import csv
import io
import shutil
import threading

import numpy as np
import pytest

import latlas
from latlas.contracts import OptionError, SpaceError, StorageError
from latlas.edits import Edits, StaleError
from served import pca_space


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return pca_space(tmp_path_factory.mktemp("edits") / "digits.latlas")


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "digits.latlas")


@pytest.fixture
def edits(folder):
    return Edits(latlas.open(folder))


def log(folder):
    return folder / "edits" / "log.jsonl"


def test_labels_lie_over_those_of_the_space(edits):
    before = edits.space.latents.labels.copy()
    assert edits.relabel([3, 5], "7") == 1
    assert edits.relabel([5], "") == 2
    assert edits.relabel([8], "smudge") == 3
    labels, classes = edits.applied()
    assert labels[3] == edits.space.classes.index("7")
    assert labels[5] == -1
    assert classes[labels[8]] == "smudge"
    assert classes[:-1] == edits.space.classes
    untouched = np.setdiff1d(np.arange(len(labels)), [3, 5, 8])
    assert (labels[untouched] == before[untouched]).all()
    edits.relabel([3, 5, 8], None)
    assert edits.labels == {}
    assert (edits.applied()[0] == before).all()


def test_tags_go_on_and_off(edits):
    edits.tag([9, 1, 4], "odd")
    edits.tag([4], "blurred")
    edits.tag([1], "odd", remove=True)
    assert edits.tags == {"blurred": [4], "odd": [4, 9]}
    assert edits.tags_of(4) == ["blurred", "odd"]
    edits.tag([4, 9], "odd", remove=True)
    assert edits.tags == {"blurred": [4]}


def test_undo_takes_back_one_change_after_the_other(edits):
    edits.relabel([2], "1")
    edits.tag([2], "odd")
    edits.relabel([2, 6], "4")
    assert edits.undo() == 4
    assert edits.labels == {2: "1"}
    edits.undo()
    assert (edits.labels, edits.tags) == ({2: "1"}, {})
    edits.relabel([6], "5")
    edits.undo()
    edits.undo()
    assert edits.labels == {}
    with pytest.raises(OptionError, match="no change to take back"):
        edits.undo()
    undone = [entry["undone"] for entry in edits.state()["history"] if "undo" not in entry["what"]]
    assert undone == [True] * 4


def test_a_change_against_an_old_revision_is_refused_and_writes_nothing(edits, folder):
    edits.relabel([1], "3", revision=0)
    before = log(folder).read_bytes()
    for change in (
        lambda: edits.relabel([1], "4", revision=0),
        lambda: edits.tag([1], "odd", revision=0),
        lambda: edits.undo(revision=0),
    ):
        with pytest.raises(StaleError, match="the latest is 1") as caught:
            change()
        assert caught.value.revision == 1
    assert log(folder).read_bytes() == before


def test_others_see_a_change_at_once(edits, folder):
    other = Edits(latlas.open(folder))
    edits.relabel([1], "3")
    assert other.revision == 1
    other.tag([1], "odd", revision=1)
    assert edits.tags == {"odd": [1]}


def test_of_many_who_change_at_once_one_wins(folder):
    space = latlas.open(folder)
    everyone = [Edits(space) for _ in range(8)]
    begin, won, lost = threading.Barrier(8), [], []

    def change(number):
        begin.wait()
        try:
            everyone[number].relabel([number], "0", revision=0)
            won.append(number)
        except StaleError:
            lost.append(number)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert Edits(space).labels == {won[0]: "0"}


def test_a_line_that_a_crash_cut_short_is_dropped(edits, folder):
    edits.relabel([1], "3")
    edits.relabel([2], "3")
    whole = log(folder).read_bytes()
    for cut in (2, 10, len(whole.splitlines()[-1])):
        log(folder).write_bytes(whole[:-cut])
        again = Edits(latlas.open(folder))
        assert again.labels == {1: "3"}
        assert again.relabel([4], "5") == 2
        assert Edits(latlas.open(folder)).labels == {1: "3", 4: "5"}


def test_a_last_line_without_its_end_holds(edits, folder):
    edits.relabel([1], "3")
    edits.relabel([2], "4")
    log(folder).write_bytes(log(folder).read_bytes()[:-1])  # as some editors save it
    again, other = (Edits(latlas.open(folder)) for _ in range(2))
    assert other.labels == again.labels == {1: "3", 2: "4"}
    assert again.relabel([4], "5") == 3
    assert log(folder).read_bytes().count(b"\n") == 3
    for each in (again, other, edits, Edits(latlas.open(folder))):
        assert each.labels == {1: "3", 2: "4", 4: "5"}
        assert each.state()["revision"] == 3


def test_an_edited_line_is_an_error_in_words(edits, folder):
    edits.relabel([1], "3")
    edits.relabel([2], "3")
    lines = log(folder).read_bytes().splitlines(keepends=True)
    for damage in (b"no json\n", lines[1], b'{"format":1}\n', b'{"format":99,"ids":[]}\n'):
        log(folder).write_bytes(damage + lines[1])
        with pytest.raises(SpaceError, match=r"line 1|newer latlas"):
            Edits(latlas.open(folder)).state()


def test_a_line_that_cannot_be_read_changes_nothing(edits, folder):
    edits.relabel([1], "3")
    whole = log(folder).read_bytes()
    good = whole.replace(b'"revision":1', b'"revision":2').replace(b'"ids":[1]', b'"ids":[2]')
    log(folder).write_bytes(whole + good + b"no json\n")
    for _ in range(2):
        with pytest.raises(SpaceError, match="line 3"):
            edits.state()
    log(folder).write_bytes(whole + good)
    assert (edits.labels, edits.revision) == ({1: "3", 2: "3"}, 2)


def test_a_log_in_place_of_another_is_read_from_its_beginning(edits, folder, tmp_path):
    edits.relabel([1], "3")
    other = Edits(latlas.open(shutil.copytree(folder, tmp_path / "other.latlas")))
    log(other.space.folder).unlink()
    for number in range(2, 6):
        other.relabel([number], "5")
    log(other.space.folder).replace(log(folder))
    assert edits.labels == dict.fromkeys(range(2, 6), "5")
    assert edits.revision == 4


def test_a_link_in_place_of_the_log_is_not_followed(edits, folder, tmp_path):
    edits.relabel([1], "3")
    secret = tmp_path / "secret"
    secret.write_text("{}\n")
    log(folder).unlink()
    log(folder).symlink_to(secret)
    with pytest.raises(SpaceError, match=r"link|leads out"):
        Edits(latlas.open(folder)).state()
    assert secret.read_text() == "{}\n"


def test_nothing_else_of_the_space_changes(edits, folder):
    def files():
        return {
            p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "edits" not in str(p)
        }

    before = files()
    edits.relabel(range(100), "3")
    edits.undo()
    assert files() == before


def test_the_table_says_what_was_and_what_is(edits, tmp_path):
    space = edits.space
    edits.relabel([1, 2], "=1+1")
    edits.relabel([3], "")
    edits.tag([2, 4], "blurred")
    edits.tag([2], "odd")
    rows = list(csv.reader(io.StringIO(edits.write(tmp_path / "l.csv").read_text())))
    assert rows[0] == ["id", "uri", "label", "new_label", "tags"]
    assert [int(row[0]) for row in rows[1:]] == [1, 2, 3, 4]
    assert [row[2] for row in rows[1:]] == [
        space.label(int(label)) for label in space.latents.labels[1:5]
    ]
    assert [row[3] for row in rows[1:]] == ["'=1+1", "'=1+1", "(none)", ""]
    assert [row[4] for row in rows[1:]] == ["", "blurred;odd", "", "blurred"]
    assert rows[2][1] == space.latents.uris[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.relabel([], "3"), "no ids"),
        (lambda e: e.relabel([99999], "3"), "no image with id 99999"),
        (lambda e: e.relabel([1], "  "), "visible characters"),
        (lambda e: e.relabel([1], "a\nb"), "visible characters"),
        (lambda e: e.tag([1], "x" * 101), "1 to 100"),
        (lambda e: e.tag([1], "a;b"), "no ;"),
        (lambda e: e.tag([1], ""), "the tag is ''"),
    ],
)
def test_what_cannot_be_kept_is_refused(edits, folder, change, said):
    with pytest.raises(OptionError, match=said):
        change(edits)
    assert not log(folder).exists()


def test_a_folder_that_cannot_be_written_is_an_error_in_words(edits, folder):
    (folder / "edits").write_text("a file")
    with pytest.raises(StorageError, match="cannot write"):
        edits.relabel([1], "3")
    assert edits.labels == {}

"""Spaces that are half-written, edited, of a newer format, or from a stranger."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import latlas
from conftest import picture_folder
from latlas.contracts import SpaceError


def test_a_half_written_space_asks_to_be_resumed(space):
    value = json.loads((space.folder / "space.json").read_text())
    (space.folder / "space.json").write_text(json.dumps(value | {"status": "fitting"}))
    with pytest.raises(SpaceError, match="--resume"):
        latlas.open(space.folder)


def test_a_space_of_a_newer_format_says_so(space):
    value = json.loads((space.folder / "space.json").read_text())
    (space.folder / "space.json").write_text(json.dumps(value | {"format": 99}))
    with pytest.raises(SpaceError, match="format 99"):
        latlas.open(space.folder)


def test_fields_of_a_later_version_are_kept(space):
    path = space.folder / "space.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"novelty": 1}))
    opened = latlas.open(space.folder)
    opened.map("pca", refresh=True)
    assert json.loads(path.read_text())["novelty"] == 1


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "shape": "wide"}']
)
def test_an_edited_manifest_is_named(space, content):
    (space.folder / "space.json").write_text(content)
    with pytest.raises(SpaceError, match=r"space\.json"):
        latlas.open(space.folder)


def test_edited_weights_are_noticed(space):
    path = space.folder / "model" / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SpaceError, match="model"):
        latlas.open(space.folder).encode(np.zeros((1, 8, 8), np.uint8))


def test_missing_latents_are_named(space):
    shutil.rmtree(space.folder / "latents")
    with pytest.raises(SpaceError, match="latents"):
        _ = latlas.open(space.folder).latents


def test_a_manifest_cannot_lead_out_of_its_folder(space):
    path = space.folder / "space.json"
    value = json.loads(path.read_text())
    value["maps"]["../../etc"] = value["maps"]["pca"] | {"name": "../../etc"}
    path.write_text(json.dumps(value))
    with pytest.raises(SpaceError):
        latlas.open(space.folder)


def test_no_space_at_all_says_how_to_make_one(tmp_path):
    with pytest.raises(SpaceError, match="latlas fit SOURCE -o"):
        latlas.open(tmp_path / "nothing.latlas")


def test_a_link_or_a_name_never_leads_out_of_the_folder(space, tmp_path):
    path = space.folder / "space.json"
    whole = path.read_text()
    value = json.loads(whole)
    value["maps"]["../../outside"] = value["maps"]["pca"]
    path.write_text(json.dumps(value))
    with pytest.raises(SpaceError, match="called"):
        latlas.open(space.folder)
    path.write_text(whole)
    for part in ("latents", "maps"):
        (space.folder / part).rename(tmp_path / part)
        (space.folder / part).symlink_to(tmp_path / part)
        with pytest.raises(SpaceError, match="leads out"):
            latlas.open(space.folder).projection("pca")
        (space.folder / part).unlink()
        (tmp_path / part).rename(space.folder / part)


def test_a_thumbnail_that_is_no_png_is_never_opened(space):
    from latlas.thumbnails import read_thumbnails

    with pytest.raises(SpaceError, match="thumbnail"):
        read_thumbnails([b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"])


@pytest.mark.parametrize("content", ['[{"foo": 1}]', "{}", "[1]"])
def test_edited_scores_are_named(space, content):
    (space.folder / "scores.json").write_text(content)
    if content == "{}":
        assert latlas.open(space.folder).scores == []
        return
    with pytest.raises(SpaceError, match=r"scores\.json"):
        _ = latlas.open(space.folder).scores


def test_a_model_of_another_shape_is_refused_before_it_takes_memory(space):
    from latlas.checkpoint import read_part, write_part

    config, tensors = read_part(space.folder / "model")
    huge = config | {"shape": [60000, 60000, 3], "net": "dense"}
    path = space.folder / "space.json"
    value = json.loads(path.read_text())
    value["model"]["digest"] = write_part(space.folder / "model", huge, tensors)
    path.write_text(json.dumps(value))
    with pytest.raises(SpaceError, match=r"do not fit its config\.json"):
        _ = latlas.open(space.folder).model
    value["shape"] = huge["shape"]
    path.write_text(json.dumps(value))
    with pytest.raises(SpaceError, match=r"do not fit its config\.json"):
        _ = latlas.open(space.folder).model


def test_two_handles_do_not_undo_each_other(space, tmp_path):
    from latlas.data.source import open_images

    first, second = latlas.open(space.folder), latlas.open(space.folder)
    assert len(first) == len(second) == 1797
    second.add(open_images(picture_folder(tmp_path / "new", count=5, size=8), (8, 8), 1))
    first.map("pca", refresh=True)
    reopened = latlas.open(space.folder)
    assert len(reopened) == 1802
    assert len(reopened.manifest.sources) == 2
    assert reopened.map("pca").xy.shape == (1802, 2)


def test_one_process_at_a_time_changes_a_space(space):
    from latlas.locks import locked

    with locked(space.folder), pytest.raises(SpaceError, match="another process"):
        space.map("pca", refresh=True)

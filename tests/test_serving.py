"""The server: what its routes answer is what the space answers, while it changes and breaks."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

import latlas
from latlas.atlas import Atlas
from latlas.contracts import NoProgress
from latlas.neighbours import nearest
from latlas.serving.near import Finder
from served import BEARER, pca_space, result, running, wait


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pca_space(tmp_path_factory.mktemp("served") / "digits.latlas")


@pytest.fixture(scope="module")
def space(folder):
    return latlas.open(folder)


@pytest.fixture(scope="module")
def server(folder):
    with running(folder) as found:
        yield found


@pytest.fixture
def own(folder, tmp_path):
    """A server of a copy, which a test may change."""
    copy = shutil.copytree(folder, tmp_path / "digits.latlas")
    with running(copy) as found:
        yield found, copy


# --- what the page reads ---------------------------------------------------------------------


def test_the_manifest_is_that_of_the_atlas(server, space):
    told = {"readOnly": False, "uploadBytes": 20 << 20}
    assert server.get("/manifest").json == json.loads(json.dumps(Atlas(space).manifest(told)))


def test_resources_come_packed_and_are_asked_for_once(server, space):
    plain = server.get("/resources/column-label")
    assert plain.body == Atlas(space).resource("column-label").data
    packed = server.get("/resources/column-label", BEARER | {"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    # What a page counts its progress by; the length is that of the packed bytes.
    assert packed.headers["x-size"] == plain.headers["x-size"] == str(len(plain.body))
    assert packed.headers["vary"] == "Accept-Encoding"
    again = server.get("/resources/column-label", BEARER | {"If-None-Match": plain.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    mark = server.get("/manifest").json["fingerprint"]
    assert plain.headers["etag"] == f'"{mark}"'
    assert "immutable" in server.get(f"/resources/column-label?v={mark}").headers["cache-control"]
    assert "no-cache" in plain.headers["cache-control"]


def test_bytes_of_another_state_than_was_asked_for_are_never_given(server):
    stale = server.get("/resources/column-label?v=old")
    assert (stale.status, stale.json["error"]) == (
        409,
        "the space has changed; load the page again",
    )
    assert stale.headers["cache-control"] == "no-store"


def test_a_new_prior_leaves_what_an_open_page_shows_and_a_new_map_does_not(own):
    server, copy = own
    mark = server.get("/manifest").json["fingerprint"]
    result(server, "/prior", {"name": "gaussian"})
    assert server.get("/manifest").json["fingerprint"] != mark
    still = server.get(f"/resources/order?v={mark}")
    assert (still.status, still.headers["cache-control"]) == (200, "private, no-cache")
    latlas.open(copy).map("tsne", progress=NoProgress())
    assert server.get(f"/resources/order?v={mark}").status == 409


def test_images_are_the_pixels_to_the_bit(server, space):
    def pixels(path):
        answer = server.get(path)
        assert answer.headers["content-type"] == "image/png"
        return np.asarray(Image.open(io.BytesIO(answer.body)))

    shown = space.thumbnails([5])[0, ..., 0]
    assert (pixels("/images/5") == shown).all()
    assert (pixels("/images/5?size=32") == shown.repeat(4, 0).repeat(4, 1)).all()
    assert server.get("/images/99999").status == 404
    assert server.get("/images/5?size=9999").status == 400


def test_latents_come_to_the_bit_in_the_order_of_the_ids(server, space):
    found = server.post("/latents", {"ids": [9, 2, 9]})
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["x-shape"] == "3,8"
    assert found.body == space.latents.z[[9, 2, 9]].astype("<f4").tobytes()
    for ids, status in ([], 400), ([1] * 4097, 400), ([1, 99999], 404):
        assert server.post("/latents", {"ids": ids}).status == status


def test_a_row_says_what_is_known(server, space):
    facts = server.get("/rows/7").json
    latents = space.latents
    assert (facts["id"], facts["uri"], facts["split"]) == (7, latents.uris[7], "train")
    assert facts["label"] == facts["told"] == space.label(int(latents.labels[7]))
    np.testing.assert_array_equal(np.array(facts["z"], np.float32), latents.z[7])
    np.testing.assert_allclose(facts["odds"], space.classifier().of_rows(np.array([7]))[0])
    assert facts["error"] == pytest.approx(float(latents.errors[7]))


def test_info_and_scores_name_no_folder_of_the_machine(server, space):
    facts = server.get("/info").json
    assert (facts["images"], facts["folder"]) == (len(space), "digits.latlas")
    assert facts["sources"][0]["uri"] == "digits"
    assert [s["name"] for s in server.get("/scores").json] == [s.name for s in space.scores]


def test_info_says_of_a_source_its_name_and_not_its_way(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "digits.latlas")
    text = (copy / "space.json").read_text(encoding="utf-8")
    facts = json.loads(text)
    facts["sources"][0]["uri"] = "/home/ada/secret/photos"
    (copy / "space.json").write_text(json.dumps(facts), encoding="utf-8")
    with running(copy) as found:
        assert found.get("/info").json["sources"][0]["uri"] == "photos"
        assert found.get("/manifest").json["source"] == "photos"


# --- neighbours ------------------------------------------------------------------------------


def test_neighbours_are_exact_for_all_who_ask_at_once(server, space):
    answers = {}

    def ask(row):
        answers[row] = server.post("/neighbours", {"id": row, "k": 3 + row % 5}).json

    threads = [threading.Thread(target=ask, args=(row,)) for row in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row, found in answers.items():
        expected = space.neighbours(row, 3 + row % 5)
        assert found["ids"] == expected.ids.tolist()
        np.testing.assert_allclose(found["distances"], expected.distances, rtol=1e-6)
        assert tuple(found["labels"]) == expected.labels


def test_a_vector_finds_its_own_row_first(server, space):
    z = space.latents.z[12].tolist()
    for k, left in ((5, 20), (1000, 400), (1000, 1500), (3, len(space) - 2), (3, len(space))):
        ids = np.random.default_rng(0).permutation(len(space))[:left].tolist()
        near = server.post("/neighbours", {"z": z, "k": k, "without": [*ids, -5, 10**12]}).json
        rest = np.setdiff1d(np.arange(len(space)), ids)
        expected = (
            nearest(np.array([z], np.float32), space.latents.z[rest], min(k, len(rest)))
            if len(rest)
            else None
        )
        assert near["ids"] == ([] if expected is None else rest[expected.indices[0]].tolist())
    assert (
        server.post("/neighbours", {"id": 3, "k": 2, "without": [3]}).json["ids"]
        == space.neighbours(3, 2).ids.tolist()
    )
    assert server.post("/neighbours", {"z": z, "without": [10**30]}).status == 422
    assert server.post("/neighbours", {"z": z, "k": 1}).json == {
        "ids": [12],
        "distances": [0.0],
        "labels": [space.label(int(space.latents.labels[12]))],
    }


def test_one_who_asks_wrongly_spoils_no_other_answer(server):
    asked = [{"z": [1.0], "k": 2}, {"id": 3, "k": 2}, {"z": [0.0] * 8, "k": 0}, {"id": -1}, {}] * 4
    statuses = [0] * len(asked)

    def ask(number):
        statuses[number] = server.post("/neighbours", asked[number]).status

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [400, 200, 422, 404, 400] * 4


@pytest.mark.parametrize(("rows", "k"), [(1, 1), (20, 20), (63, 5), (5000, 10), (70_000, 12)])
def test_the_finder_is_exact(rows, k):
    generator = np.random.default_rng(rows)
    points = generator.normal(size=(rows, 6)).astype(np.float32) + 100
    points[rows // 2 :] = points[: rows - rows // 2]  # every point twice: ties by row
    queries = points[generator.integers(rows, size=33)] + np.float32(1e-3)
    found, expected = Finder(points).find(queries, k), nearest(queries, points, k)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)


# --- the model -------------------------------------------------------------------------------


def test_decoding_gives_rgba_or_one_picture(server, space):
    z = space.latents.z[:5]
    raw = server.post("/decode", {"z": z.tolist(), "labels": [-1] * 5, "format": "raw"})
    drawn = space.decode(z)
    pixels = np.frombuffer(raw.body, np.uint8).reshape(5, 8, 8, 4)
    assert raw.headers["x-shape"] == "5,8,8,4"
    assert (pixels[..., :3] == drawn).all()
    assert (pixels[..., 3] == 255).all()
    whole = server.post("/decode", {"z": z.tolist(), "format": "png"})
    grid = np.asarray(Image.open(io.BytesIO(whole.body)))
    assert grid.shape == (16, 24)
    assert (grid[:8, 8:16] == drawn[1, ..., 0]).all()
    assert (grid[8:, :8] == drawn[3, ..., 0]).all()


def test_an_image_of_the_space_lands_on_itself(server, space):
    file = io.BytesIO()
    Image.fromarray(space.pixels(np.array([4]))[0, ..., 0]).save(file, "PNG")
    seen = server.send("POST", "/api/v1/encode", file.getvalue()).json
    np.testing.assert_allclose(seen["z"], space.latents.z[4], atol=1e-4)
    assert seen["neighbours"]["ids"][0] == 4
    np.testing.assert_allclose(seen["places"]["pca"], space.map("pca").xy[4], atol=1e-3)
    assert seen["odds"] == pytest.approx(server.get("/rows/4").json["odds"], abs=1e-3)
    assert seen["novelty"].keys() == {"strangeness", "novel"}
    assert seen["error"] == pytest.approx(float(space.latents.errors[4]), rel=1e-3)


def test_odds_and_walks_are_those_of_the_space(server, space):
    odds = server.post("/classify", {"ids": [1, 2]}).json
    np.testing.assert_allclose(odds["odds"], space.classifier().of_rows(np.array([1, 2])))
    assert tuple(odds["classes"]) == space.classes
    for path in ("linear", "spherical", "graph"):
        found = server.post("/walk", {"start": 1, "end": "label:3", "steps": 4, "path": path}).json
        way = space.walk(1, "label:3", 4, path)
        np.testing.assert_allclose(found["z"], way.z, rtol=1e-5, atol=1e-5)
        assert found["shape"] == [4, 8, 8, 4]
        np.testing.assert_allclose(np.sum(found["odds"], axis=1), 1)


def test_each_class_explains_an_image_in_a_space_of_its_own(tmp_path):
    folder = pca_space(tmp_path / "pc.latlas", "per-class")
    space = latlas.open(folder)
    with running(folder) as found:
        made = found.post("/explain", {"id": 3}).json
        expected = space.explained(np.array([3]))
        np.testing.assert_allclose(made["errors"], expected.errors[0], rtol=1e-5)
        assert made["labels"] == list(space.classes)
        assert made["shape"] == [10, 8, 8, 4]
        z = space.latents.z[3].tolist()
        for path in ("/neighbours", "/decode"):
            body = {"z": z if path == "/neighbours" else [z]}
            refused = found.post(path, body)
            assert refused.status == 400
            assert "label" in refused.json["error"]
        label = space.label(int(space.latents.told[3]))
        near = found.post("/neighbours", {"z": z, "label": label, "k": 4}).json
        assert near["ids"][0] == 3
        assert near["ids"][1:] == space.neighbours(3, 3).ids.tolist()
        assert found.post("/decode", {"z": [z], "labels": [label]}).status == 200
        other = int(space.neighbours(3, 1).ids[0])
        ends = {"start": z, "end": space.latents.z[other].tolist(), "steps": 3}
        assert "label" in found.post("/walk", ends).json["error"]
        way = found.client.walk(ends["start"], ends["end"], steps=3, label=label)
        expected_way = space.walk(3, other, 3)
        np.testing.assert_array_equal(way["z"], expected_way.z)
        assert way["told"] == [label] * 3
        assert (way["images"] == expected_way.images).all()


def test_numbers_that_no_latent_or_id_has_are_refused_in_words(server, space):
    for value, words in (
        (3e38, "at most 1e+18"),
        (1e300, "at most 1e+18"),
        (-2e18, "at most 1e+18"),
    ):
        z = [value] * space.latent_dim
        for path, body in (
            ("/classify", {"z": [z]}),
            ("/decode", {"z": [z]}),
            ("/neighbours", {"z": z}),
            ("/walk", {"start": z, "end": 3}),
        ):
            refused = server.post(path, body)
            assert refused.status == 400, (path, refused.json)
            assert words in refused.json["error"]
    assert server.post("/classify", {"z": [[1e17] * space.latent_dim]}).status == 200
    for path, body in (
        ("/edits", {"revision": 0, "ids": [3, 10**30], "label": "3"}),
        ("/classify", {"ids": [10**30]}),
        ("/latents", {"ids": [-(10**30)]}),
        ("/neighbours", {"id": 10**30}),
        ("/walk", {"start": 10**30, "end": 3}),
    ):
        refused = server.post(path, body)
        assert refused.status == 404, (path, refused.json)
        assert "ids here run from 0 to" in refused.json["error"]
    refused = server.post("/sample", {"label": []})
    assert refused.status == 422
    assert "at least 1 item" in refused.json["error"]


# --- long work -------------------------------------------------------------------------------


def test_a_sample_is_that_of_the_space_and_asked_for_again_the_same_job(server, space):
    asked = {"n": 6, "label": "3", "prior": "gmm", "temperature": 0.7, "seed": 5}
    made = result(server, "/sample", asked)
    expected = space.sample(6, "3", prior="gmm", temperature=0.7, seed=5)
    np.testing.assert_allclose(made["z"], expected.z, rtol=1e-6)
    assert made["nearest_ids"] == expected.nearest_ids.tolist()
    assert made["shape"] == [6, 8, 8, 4]
    again = server.post("/sample", asked).json
    assert again["state"] == "done"  # as after a reload of the page
    assert again["id"] in {job["id"] for job in server.get("/jobs").json}
    assert server.post("/sample", asked | {"seed": 6}).json["id"] != again["id"]


def test_findings_are_ranked_as_in_the_space(server, space):
    found = result(server, "/find", {"kind": "outliers", "most": 7})
    expected = space.find("outliers")
    assert [row["id"] for row in found["rows"]] == expected.ids[:7].tolist()
    assert found["found"] == len(expected)


def test_work_that_fails_says_so(server):
    failed = wait(server, server.post("/find", {"kind": "beauty"}).json)
    assert failed["state"] == "failed"
    assert "duplicates, outliers, mislabelled" in failed["error"]
    assert server.get("/jobs/unknown").status == 404


def test_a_cancelled_fit_leaves_nothing_and_the_map_answers_meanwhile(own):
    server, folder = own
    job = server.post("/prior", {"name": "flow"}).json
    wait(server, job, ("running", "failed"))
    assert server.get("/resources/map-pca").status == 200
    assert server.post("/decode", {"z": [[0.0] * 8]}).status == 200
    cancelled = server.send("DELETE", f"/api/v1/jobs/{job['id']}")
    assert cancelled.json["state"] == "cancelled"
    after = result(server, "/prior", {"name": "gaussian"})  # waits until the thread is free
    assert after["name"] == "gaussian"
    assert set(latlas.open(folder).manifest.priors) == {"gmm", "gaussian"}
    assert server.get(f"/jobs/{job['id']}").json["state"] == "cancelled"
    known = {prior["name"]: prior["fitted"] for prior in server.get("/manifest").json["priors"]}
    assert known["gaussian"]
    assert not known["flow"]


# --- the space changes or breaks -------------------------------------------------------------


def test_a_change_from_elsewhere_is_seen(own):
    server, folder = own
    before = server.get("/manifest").json
    latlas.open(folder).classifier("linear", progress=NoProgress())
    after = server.get("/manifest").json
    assert before["fingerprint"] != after["fingerprint"]
    assert (before["linear"], after["linear"] is None) == (None, False)
    kept = server.get(
        "/resources/map-pca", BEARER | {"If-None-Match": f'"{before["fingerprint"]}"'}
    )
    assert kept.status == 200


def test_a_space_that_is_damaged_or_half_written_is_said_and_comes_back(own):
    server, folder = own
    file = folder / "space.json"
    whole = file.read_text()
    asked = [("/manifest", None), ("/neighbours", {"id": 1}), ("/sample", {"n": 1})]
    halves = [whole[:100], whole.replace('"complete"', '"fitting"'), None]
    for half in halves:
        if half is None:
            file.unlink()
        else:
            file.write_text(half)
        for path, body in asked:
            answer = server.get(path) if body is None else server.post(path, body)
            assert answer.status == 503
            assert "cannot be read right now" in answer.json["error"]
            assert int(answer.headers["retry-after"]) > 0
        assert server.get("/health").status == 200
        file.write_text(whole)
        assert server.get("/manifest").status == 200
        assert server.post("/neighbours", {"id": 1}).status == 200


# --- labels and tags -------------------------------------------------------------------------


def test_two_tabs_cannot_overwrite_each_other(own):
    server, folder = own
    first = server.post("/edits", {"revision": 0, "ids": [1, 2], "label": "9"})
    assert first.json["labels"] == {"1": "9", "2": "9"}
    late = server.post("/edits", {"revision": 0, "ids": [1], "label": "5"})
    assert (late.status, late.json["revision"]) == (409, 1)
    assert "someone else" in late.json["error"]
    assert server.post("/edits/undo", {"revision": 0}).status == 409
    tagged = server.post("/edits", {"revision": 1, "ids": [1], "tag": "odd"}).json
    assert tagged["tags"] == {"odd": [1]}
    assert server.get("/rows/1").json["tags"] == ["odd"]
    back = server.post("/edits", {"revision": 2, "ids": [2], "label": "9", "remove": True}).json
    assert back["labels"] == {"1": "9"}
    assert latlas.Edits(latlas.open(folder)).state() == server.get("/edits").json
    table = server.get("/edits.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.body.decode().splitlines()[0] == "id,uri,label,new_label,tags"
    undone = server.post("/edits/undo", {"revision": 3}).json
    assert undone["labels"] == {"1": "9", "2": "9"}
    assert undone["history"][2] | {"time": ""} == {
        "revision": 3, "what": "original label", "count": 1, "undone": True, "time": "",
    }  # fmt: skip
    assert server.post("/edits", {"revision": 4, "ids": [1]}).status == 400


def test_a_read_only_server_changes_nothing(folder):
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"}
    with running(folder, read_only=True) as server:
        assert server.get("/manifest").json["server"]["readOnly"] is True
        for path, body in [
            ("/edits", {"revision": 0, "ids": [1], "label": "9"}),
            ("/edits/undo", {"revision": 0}),
            ("/map", {"name": "tsne"}),
            ("/prior", {"name": "gaussian"}),
            ("/classifier", {}),
            ("/measure", {}),
            ("/sample", {"n": 1, "prior": "flow"}),
        ]:
            refused = server.post(path, body)
            assert (refused.status, "read-only" in refused.json["error"]) == (403, True), path
        assert server.get("/edits").json["revision"] == 0
        assert len(result(server, "/sample", {"n": 2})["z"]) == 2
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"} == before


# --- the description -------------------------------------------------------------------------


def test_the_description_has_every_route_with_examples_and_no_page_from_elsewhere(server):
    told = server.get("/openapi.json").json
    routes = {(method, path) for path, methods in told["paths"].items() for method in methods}
    posts = (
        "neighbours decode encode classify sample walk find explain map classifier prior measure"
    )
    more = ["latents", "edits", "edits/undo"]
    expected = {("post", f"/api/v1/{name}") for name in [*posts.split(), *more]}
    gets = "manifest resources/{name} images/{id} rows/{id} scores info edits edits.csv jobs"
    expected |= {("get", f"/api/v1/{name}") for name in [*gets.split(), "jobs/{id}", "health"]}
    assert routes == expected | {("delete", "/api/v1/jobs/{id}")}
    bodies = [name for name in told["components"]["schemas"] if name.endswith("Asked")]
    assert bodies
    assert all(told["components"]["schemas"][name]["examples"] for name in bodies)
    for name in ("neighbours", "explain"):  # these read their bodies themselves
        body = told["paths"][f"/api/v1/{name}"]["post"]["requestBody"]["content"]
        assert body["application/json"]["schema"]["examples"]
    assert [server.send("GET", path, headers=BEARER).status for path in ("/docs", "/redoc")] == [
        404
    ] * 2


def test_what_the_framework_refuses_is_said_in_words_too(server):
    for answer, status, said in [
        (server.get("/nothing"), 404, "openapi.json"),
        (server.send("PUT", "/api/v1/manifest"), 405, "does not take PUT"),
        (server.post("/neighbours", {"id": "x"}), 422, "id: "),
        (server.post("/neighbours", {"id": 1, "size": 3}), 422, "size: "),
        (server.send("POST", "/api/v1/decode", b"{"), 422, "not as expected"),
        (server.send("POST", "/api/v1/neighbours", b"{"), 422, "not as expected: body: invalid"),
        (server.post("/explain", {}), 422, "id: field required"),
        (server.get("/neighbours"), 405, "does not take GET"),
        (server.get("/images/x"), 422, "id: "),
    ]:
        assert answer.status == status
        assert said in answer.json["error"]

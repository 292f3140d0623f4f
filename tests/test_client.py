"""The client, and the server as a user starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import latlas
from conftest import Listening
from latlas.contracts import OptionError, RunError, SourceError, SpaceError
from served import TOKEN, pca_space, running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pca_space(tmp_path_factory.mktemp("client") / "digits.latlas")


@pytest.fixture(scope="module")
def space(folder):
    return latlas.open(folder)


@pytest.fixture(scope="module")
def server(folder):
    with running(folder) as found:
        yield found


@pytest.fixture
def client(server):
    return server.client


def test_arrays_come_back_as_the_space_has_them(client, space):
    facts = client.row(3)
    np.testing.assert_array_equal(facts["z"], space.latents.z[3])
    assert facts["odds"].shape == (10,)
    pixels = client.image(3)
    assert (pixels == space.thumbnails([3])[0]).all()
    z = space.latents.z[:3]
    assert (client.decode(z) == space.decode(z)).all()
    near, expected = client.neighbours(3, k=4), space.neighbours(3, 4)
    np.testing.assert_array_equal(near["ids"], expected.ids)
    np.testing.assert_allclose(near["distances"], expected.distances, rtol=1e-6)
    assert client.neighbours(z[0], k=1)["ids"][0] == 0
    np.testing.assert_array_equal(client.latents([5, 1]), space.latents.z[[5, 1]])
    many = np.arange(5000) % len(space)  # more than the server gives at once
    np.testing.assert_array_equal(client.latents(many), space.latents.z[many])
    half = np.frombuffer(client.resource("z"), np.float16).reshape(len(space), -1)
    np.testing.assert_allclose(half, space.latents.z, atol=0.02)
    assert client.info()["images"] == client.manifest()["rows"] == len(space)
    assert [score["name"] for score in client.scores()] == [score.name for score in space.scores]


def test_every_kind_of_picture_can_be_encoded(client, space, tmp_path):
    pixels = space.thumbnails([6])[0]
    path = tmp_path / "a.png"
    Image.fromarray(pixels[..., 0]).save(path)
    ways = [pixels, pixels[..., 0], Image.open(path), path, str(path), path.read_bytes()]
    seen = [client.encode(way) for way in ways]
    for each in seen:
        np.testing.assert_array_equal(each["z"], seen[0]["z"])
        assert each["neighbours"]["ids"][0] == 6
    assert seen[0]["z"].dtype == np.float32
    assert client.explain(pixels)["images"].shape == (1, 8, 8, 1)
    np.testing.assert_allclose(client.explain(6)["errors"], space.latents.errors[[6]], rtol=1e-3)


def test_the_verbs_give_what_the_space_gives(client, space):
    said = Listening()
    drawn = client.sample(4, "2", seed=3, progress=said)
    expected = space.sample(4, "2", seed=3)
    np.testing.assert_allclose(drawn["z"], expected.z, rtol=1e-6)
    assert (drawn["images"] == expected.images).all()
    way, expected_way = client.walk(0, 1, steps=3), space.walk(0, 1, steps=3)
    np.testing.assert_allclose(way["z"], expected_way.z, rtol=1e-6)
    assert (way["images"] == expected_way.images).all()
    assert client.walk(0, towards="7", steps=3)["images"].shape == (3, 8, 8, 1)
    odds = client.classify(ids=[1, 2])["odds"]
    np.testing.assert_allclose(odds, client.classify(z=space.latents.z[1:3])["odds"], rtol=1e-5)
    assert client.find("outliers", most=3)["rows"][0]["id"] == space.find("outliers").ids[0]
    assert client.jobs()[0]["kind"] == "find"
    assert client.job(client.jobs()[0]["id"])["state"] == "done"


def test_labels_and_tags_can_be_changed_and_taken_back(client):
    at = client.edits()["revision"]
    client.relabel([1, 2], "9")
    assert client.tag(np.array([2]), "odd")["tags"] == {"odd": [2]}
    with pytest.raises(OptionError, match="someone else"):
        client.relabel([3], "9", revision=at)
    assert "2," in client.edits_csv()
    client.tag([2], "odd", remove=True)
    client.relabel([1, 2], None)
    assert client.edits()["labels"] == {}
    assert client.undo()["labels"] == {"1": "9", "2": "9"}
    assert client.relabel([1, 2], None)["labels"] == {}


@pytest.mark.parametrize(
    ("ask", "kind", "said"),
    [
        (lambda c: c.row(99999), OptionError, "no image with id 99999"),
        (lambda c: c.resource("../space.json"), OptionError, "there is no"),
        (lambda c: c.encode(b"no image"), SourceError, "not an image"),
        (lambda c: c.encode(np.zeros((8, 8))), OptionError, "float64"),
        (lambda c: c.encode("missing.png"), OptionError, "missing.png cannot be read"),
        (lambda c: c.decode([[1.0]]), OptionError, "1 values; this space has 8"),
        (lambda c: c.sample(4, "ten"), OptionError, "there is no label 'ten'"),
        (lambda c: c.sample(4, ["3", "ten"]), OptionError, "there is no label 'ten'"),
        (lambda c: c.sample(4, prior="dance"), OptionError, "prior is 'dance'"),
        (lambda c: c.find("dance"), OptionError, "dance"),
        (lambda c: c.start("sample", n=4, label="ten"), OptionError, "there is no label 'ten'"),
        (lambda c: c.start("dance"), OptionError, "there is no /api/v1/dance"),
        (lambda c: latlas.Client(c._base[:-7], "wrong-token").info(), OptionError, "token"),
    ],
)
def test_errors_are_those_of_latlas(client, ask, kind, said):
    with pytest.raises(kind, match=said):
        ask(client)


def test_a_cancelled_job_is_an_error_and_a_damaged_space_a_space_error(tmp_path):
    folder = pca_space(tmp_path / "digits.latlas")
    with running(folder) as server:
        client = server.client
        job = client.start("prior", name="flow")
        assert client.cancel(job["id"])["state"] == "cancelled"
        with pytest.raises(RunError, match="was cancelled"):
            client.wait(job["id"])
        (folder / "space.json").write_text("{")
        with pytest.raises(SpaceError, match="cannot be read right now"):
            client.info()


def test_no_server_and_no_address_are_said_in_words():
    with pytest.raises(RunError, match="latlas serve SPACE"):
        latlas.Client("http://127.0.0.1:9/", "a-token-for-nobody").info()
    with pytest.raises(OptionError, match="expected http://HOST:PORT"):
        latlas.Client("ftp://127.0.0.1/")


def started(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


SERVE = (
    "import sys, latlas; latlas.serve(sys.argv[1], port=0, token=sys.argv[2], "
    "stop_after=float(sys.argv[3]) or None, ready=lambda a: print(a, flush=True))"
)


def test_ctrl_c_ends_the_server_quietly(folder):
    with started(SERVE, folder, TOKEN, 0) as process:
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address.replace("/?", "/api/v1/health?")) as answer:
            assert json.load(answer) == {"ok": True}
        assert latlas.Client(address).row(1)["id"] == 1
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=120)
    assert (process.returncode, said, errors) == (0, "", "")


def test_a_server_that_nobody_asks_ends_by_itself(folder):
    with started(SERVE, folder, TOKEN, 0.3) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        assert process.wait(timeout=120) == 0


def test_the_command_says_what_is_missing_or_where_the_page_is(folder):
    command = [sys.executable, "-m", "latlas", "serve", str(folder), "--port", "0", "--no-browser"]
    if not (Path(latlas.__file__).parent / "page" / "index.html").is_file():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "make web" in done.stderr
        return
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        try:
            address = json.loads(process.stdout.readline())["address"]
            asked = urllib.request.Request(address, headers={"Accept": "text/html"})
            with urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(
                asked
            ) as page:
                assert b"<title>latlas</title>" in page.read()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) in {0, 130}
        finally:
            process.kill()

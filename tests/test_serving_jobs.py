"""Long work of the server: run once, shared, bounded, cancelled."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time

import numpy as np
import pytest

import latlas
from latlas.contracts import OptionError
from latlas.priors import learned
from latlas.serving.answers import json_bytes
from latlas.serving.jobs import Jobs
from page.serving import serving
from served import BEARER, pca_space, result, running, wait


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pca_space(tmp_path_factory.mktemp("jobs") / "digits.latlas")


@pytest.fixture
def own(folder, tmp_path):
    """A server of a copy, which a test may change."""
    copy = shutil.copytree(folder, tmp_path / "digits.latlas")
    with running(copy) as found:
        yield found, copy


def test_jobs_run_once_and_too_many_are_refused():
    jobs, begun, go = Jobs(), [], threading.Event()

    def work(progress):
        begun.append(1)
        with progress.stage("working", 4) as stage:
            stage.advance(1, loss=0.5)
            go.wait(30)
        return 7

    first = jobs.start("a", {"x": 1}, lambda: "now", work)
    assert jobs.start("a", {"x": 1}, lambda: "now", work) is first
    while first.text != "working  loss 0.5":
        time.sleep(0.01)
    assert first.shown()["done"] == 0.25
    rest = [jobs.start("a", {"x": x}, lambda: "now", work) for x in range(2, 22)]
    with pytest.raises(OptionError, match="jobs wait already"):
        jobs.start("a", {"x": 99}, lambda: "now", work)
    for job in rest:
        jobs.cancel(job.id)
    go.set()
    assert first.over.wait(30)
    assert json.loads(first.body())["result"] == 7
    assert len(begun) == 1
    assert jobs.start("a", {"x": 1}, lambda: "changed", work) is not first
    jobs.close()


def test_a_reader_who_cancels_takes_nothing_from_another_who_asked_the_same():
    jobs, go = Jobs(), threading.Event()

    def work(progress):
        with progress.stage("working", 1):
            go.wait(30)
        return 7

    mine = jobs.start("a", {"x": 1}, lambda: "now", work, "me")
    yours = jobs.start("a", {"x": 1}, lambda: "now", work, "you")
    assert yours is mine
    for _ in range(2):  # also when it is said twice
        assert jobs.cancel(mine.id, "me").state in {"queued", "running"}
    go.set()
    assert yours.over.wait(30)
    assert json.loads(yours.body())["result"] == 7
    go.clear()
    for reader in ("me", "you"):
        job = jobs.start("a", {"x": 2}, lambda: "now", work, reader)
    assert jobs.cancel(job.id, "me").state != "cancelled"
    assert jobs.cancel(job.id, "you").state == "cancelled"
    go.set()
    jobs.close()


def test_a_reader_who_asked_twice_cancels_once(own):
    server, _ = own
    go = threading.Event()
    server.app.state.context.jobs.start("find", {}, lambda: "", lambda _: go.wait(60))
    me, you = ({"X-Reader": name, **BEARER} for name in ("me", "you"))
    asked = {"kind": "outliers"}
    job = server.post("/find", asked, me).json["id"]
    assert server.post("/find", asked, me).json["id"] == job  # as a page does after a reload
    there = f"/api/v1/jobs/{job}"
    assert server.send("DELETE", there, None, you).json["state"] == "queued"
    assert server.send("DELETE", there).json["state"] == "queued"
    assert server.send("DELETE", there, None, me).json["state"] == "cancelled"
    mine, yours = server.client, server.client
    job = mine.start("find", **asked)["id"]
    assert yours.cancel(job)["state"] == "queued"
    assert yours.cancel(job, everyone=True)["state"] == "cancelled"
    job = mine.start("find", **asked)["id"]
    assert mine.cancel(job)["state"] == "cancelled"
    go.set()


def test_what_is_fitted_is_kept_in_the_space_and_told(own):
    server, folder = own
    made = result(server, "/map", {"name": "tsne"})
    assert made["name"] == "tsne"
    assert made["scores"] == latlas.open(folder).manifest.maps["tsne"].scores
    fitted = result(server, "/classifier", {"method": "linear"})
    assert fitted["method"] == "linear"
    assert fitted["scores"] == latlas.open(folder).manifest.classifiers["linear"].scores
    taken = result(server, "/measure", {"parts": ["reconstruction", "structure"]})["scores"]
    kept = {score.name: score.value for score in latlas.open(folder).scores}
    assert {score["name"] for score in taken} <= {*kept}
    assert all(kept[score["name"]] == pytest.approx(score["value"]) for score in taken)
    names = [each["name"] for each in server.get("/manifest").json["maps"]]
    assert "tsne" in names


def test_a_training_that_was_cancelled_goes_on_when_it_is_asked_for_again(
    own, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(learned, "ROWS_SEEN", 30_000)
    server, served = own
    job = server.post("/prior", {"name": "flow"}).json
    until = time.monotonic() + 180
    while "loss" not in server.get(f"/jobs/{job['id']}").json["text"]:
        assert time.monotonic() < until
    server.send("DELETE", f"/api/v1/jobs/{job['id']}")
    kept = served / "priors" / "flow.unfinished" / "checkpoint"
    while not kept.is_dir():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert wait(server, job)["state"] == "cancelled"
    assert result(server, "/prior", {"name": "flow"})["name"] == "flow"
    assert not kept.exists()
    whole = shutil.copytree(folder, tmp_path / "whole.latlas")
    latlas.open(whole).prior("flow")
    resumed, alone = (latlas.open(each).manifest.priors["flow"] for each in (served, whole))
    assert resumed.digest == alone.digest


def test_work_that_writes_is_done_one_after_the_other(own):
    server, folder = own
    asked = [("/map", {"name": "tsne"}), ("/prior", {"name": "gaussian"})]
    asked += [("/classifier", {"method": "linear"}), ("/measure", {"parts": ["reconstruction"]})]
    asked += [("/sample", {"n": 2, "prior": "normal"})]  # is fitted first
    started = [server.post(path, body).json for path, body in asked]
    ended = [wait(server, job) for job in started]
    assert [job["state"] for job in ended] == ["done"] * 5, [job.get("error") for job in ended]
    kept = latlas.open(folder).manifest
    assert "tsne" in kept.maps
    assert {"gaussian", "normal"} <= set(kept.priors)
    assert "linear" in kept.classifiers


def test_a_server_that_is_stopped_while_it_trains_ends_quietly(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "digits.latlas")
    with serving(copy) as server:
        client = latlas.Client(server.url)
        job = client._object("POST", "/prior", {"name": "flow"})
        until = time.monotonic() + 180
        while "loss" not in client.job(job["id"])["text"]:
            assert time.monotonic() < until
        server.process.send_signal(signal.SIGINT)
        code = server.process.wait(60)
    assert code in (0, 130), server.said
    assert len(server.said) == 2, server.said  # the address, and how to end it


def test_what_json_lacks_becomes_null():
    value = {"a": np.array([1.5, np.nan], np.float32), "b": [float("inf"), (np.int64(3), "é")]}
    assert json.loads(json_bytes(value)) == {"a": [1.5, None], "b": [None, [3, "é"]]}
    with pytest.raises(TypeError, match="set is no JSON value"):
        json_bytes({1, 2})

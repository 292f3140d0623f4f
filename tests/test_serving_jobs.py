"""Long work of the server: run once, shared, bounded, cancelled."""

from __future__ import annotations

import json
import threading
import time

import pytest

from latlas.contracts import OptionError
from latlas.serving.jobs import Jobs


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

    mine = jobs.start("a", {"x": 1}, lambda: "now", work)
    yours = jobs.start("a", {"x": 1}, lambda: "now", work)
    assert jobs.cancel(mine.id).state in {"queued", "running"}
    go.set()
    assert yours.over.wait(30)
    assert json.loads(yours.body())["result"] == 7
    go.clear()
    for _ in range(2):
        job = jobs.start("a", {"x": 2}, lambda: "now", work)
    assert jobs.cancel(job.id).state != "cancelled"
    assert jobs.cancel(job.id).state == "cancelled"
    go.set()
    jobs.close()

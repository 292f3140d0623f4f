"""A real server on 127.0.0.1 in a thread, and bare requests to it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

import latlas
from latlas.client import Client
from latlas.contracts import NoProgress
from latlas.serving import create_app
from latlas.serving.run import bind, configured

TOKEN = "a-token-for-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    port: int
    app: object

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def client(self):
        return Client(f"http://{self.host}/?token={TOKEN}")

    def send(self, method, path, body=None, headers=BEARER):
        """One request, with nothing added that is not given but Host and the length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=BEARER):
        return self.send("GET", f"/api/v1{path}", None, headers)

    def post(self, path, value, headers=BEARER):
        body = json.dumps(value).encode()
        kind = {"Content-Type": "application/json"}
        return self.send("POST", f"/api/v1{path}", body, {**kind, **headers})


def pca_space(folder, scope="global"):
    """A space of the digits with everything that is fitted by default, in about a second."""
    options = {"model": "pca", "latent_dim": 8, "maps": ("pca",), "pictures": False}
    latlas.fit("digits", folder, scope=scope, progress=NoProgress(), **options).classifier()
    return folder


@contextmanager
def running(folder, host="127.0.0.1", **options):
    """Serves a space while the block runs."""
    with bind(host, 0) as bound:
        port = bound.getsockname()[1]
        app = create_app(folder, token=TOKEN, host=host, port=port, **options)
        server = uvicorn.Server(configured(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield Running(port, app)
        finally:
            server.should_exit = True
            thread.join()


def wait(server, job, states=("done", "failed", "cancelled")):
    """A job once it is in one of these states."""
    until = time.monotonic() + 180
    ended = "?wait=5" if "done" in states else ""
    while time.monotonic() < until:
        found = server.get(f"/jobs/{job['id']}{ended}").json
        if found["state"] in states:
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def result(server, path, asked):
    """What came of a job."""
    started = server.post(path, asked)
    assert started.status == 202, started.json
    done = wait(server, started.json)
    assert done["state"] == "done", done
    return done["result"]

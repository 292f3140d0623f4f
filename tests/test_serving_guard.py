"""Who may ask the server, from where, how much and how often."""

from __future__ import annotations

import io
import socket
import time

import numpy as np
import pytest
from PIL import Image

from latlas.contracts import OptionError
from latlas.serving import Limits, create_app, serve
from latlas.serving.guard import SECURITY_HEADERS, Rules
from latlas.serving.limits import RateLimit
from served import BEARER, TOKEN, pca_space, running

LIMITS = Limits(
    upload_bytes=100_000, body_bytes=200_000, pixels=1_000_000, body_seconds=0.5, rows=64
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pca_space(tmp_path_factory.mktemp("guard") / "digits.latlas")


@pytest.fixture(scope="module")
def server(folder):
    with running(folder, limits=LIMITS) as found:
        yield found


@pytest.fixture(scope="module")
def cookie(server):
    given = server.send("GET", f"/?token={TOKEN}", headers={}).headers["set-cookie"]
    return {"Cookie": given.partition(";")[0]}


def picture(width=8, height=8, kind="PNG"):
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, kind)
    return file.getvalue()


# --- who -------------------------------------------------------------------------------------


def test_only_health_is_open(server):
    assert server.get("/health", {}).json == {"ok": True}
    for path in ("/api/v1/manifest", "/api/v1/openapi.json", "/", "/assets/latlas.js"):
        refused = server.send("GET", path, headers={})
        assert refused.status == 401, path
        assert b"token" in refused.body
    assert server.get("/manifest").status == 200


@pytest.mark.parametrize(
    "given",
    [
        "Bearer wrong-token-of-any-kind",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ",
        "Bearer é",
    ],
)
def test_another_token_opens_nothing(server, given):
    headers = {"Authorization": given.encode("utf-8").decode("latin-1")}
    assert server.get("/manifest", headers).status == 401


def test_a_wrong_header_is_not_mended_by_the_cookie(server, cookie):
    assert server.get("/manifest", cookie | {"Authorization": "Bearer wrong"}).status == 401


def test_the_address_gives_a_cookie_once(server, cookie):
    entered = server.send("GET", f"/?map=pca&token={TOKEN}", headers={})
    assert (entered.status, entered.headers["location"]) == (303, "/?map=pca")
    given = entered.headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=strict" in given
    assert f"latlas_{server.port}=" in given  # cookies do not know ports
    assert server.get("/manifest", cookie).status == 200
    assert server.send("GET", "/?token=wrong", headers={}).status == 401
    assert server.get("/manifest", {"Cookie": f"latlas_{server.port}=wrong"}).status == 401


def test_a_link_on_another_page_leads_in_without_a_redirect(server):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    entered = server.send("GET", f"/?map=%22%3E&token={TOKEN}", headers=headers)
    assert entered.status == 200
    assert "set-cookie" in entered.headers
    assert b'content="0;url=/?map=%22%3E"' in entered.body


def test_a_short_token_is_refused(folder):
    with pytest.raises(OptionError, match="at least 8"):
        create_app(folder, token="short")


def test_another_host_needs_a_token_of_ones_own(folder):
    with pytest.raises(OptionError, match="--token"):
        serve(folder, host="0.0.0.0")


# --- from where ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.com", "127.0.0.1.evil.com", "evil.com:8600", "", "10.0.0.1", "localhost.evil"]
)
def test_another_name_for_this_machine_is_refused(server, host):
    refused = server.get("/manifest", BEARER | {"Host": host})
    assert refused.status == 403
    assert "is not this server's" in refused.json["error"]
    assert server.get("/health", {"Host": host}).status == 403


def test_the_names_of_this_machine_are_taken(server):
    for host in (server.host, f"localhost:{server.port}", f"LOCALHOST:{server.port}"):
        assert server.get("/manifest", BEARER | {"Host": host}).status == 200


def test_a_server_for_all_takes_addresses_but_no_foreign_name():
    rules = Rules(TOKEN, "0.0.0.0", 8600)
    assert rules.knows("192.168.1.7:8600")
    assert rules.knows("[fe80::1]:8600")
    assert rules.knows(f"{socket.gethostname()}:8600")
    assert not rules.knows("evil.com:8600")
    assert not Rules(TOKEN, "192.168.1.7", 8600).knows("192.168.1.8:8600")


def test_another_origin_is_refused_even_with_the_cookie(server, cookie):
    body = {"id": 1, "k": 2}
    ours = {"Origin": f"http://{server.host}"}
    assert server.post("/neighbours", body, cookie | ours).status == 200
    assert (
        server.post("/neighbours", body, cookie | {"Sec-Fetch-Site": "same-origin"}).status == 200
    )
    for origin in (
        "http://evil.com",
        f"http://localhost:{server.port}",
        "null",
        "http://127.0.0.1",
    ):
        assert server.post("/neighbours", body, cookie | {"Origin": origin}).status == 403, origin
        assert server.get("/manifest", cookie | {"Origin": origin}).status == 403, origin


def test_a_change_by_cookie_must_say_where_it_comes_from(server, cookie):
    refused = server.post("/neighbours", {"id": 1}, cookie)
    assert refused.status == 403
    assert "Origin" in refused.json["error"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_not_ask(server, cookie, site):
    asked = cookie | {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert server.get("/images/1", asked).status == 403
    to_data = cookie | {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert server.get("/manifest", to_data).status == 403


def test_every_answer_carries_the_security_headers(server):
    answers = [
        server.get("/health", {}),
        server.get("/manifest"),
        server.get("/manifest", {}),
        server.get("/nothing"),
        server.send("GET", "/", headers=BEARER),
        server.get("/manifest", {"Host": "evil.com"}),
    ]
    for answer in answers:
        assert SECURITY_HEADERS.items() <= answer.headers.items()
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


# --- how much and how often ------------------------------------------------------------------


def test_a_large_body_is_refused_in_words(server):
    refused = server.send("POST", "/api/v1/encode", bytes(100_001))
    assert refused.status == 413
    assert "larger than" in refused.json["error"]
    chunks = iter([bytes(60_000)] * 2)
    assert server.send("POST", "/api/v1/encode", chunks).status == 413
    assert server.post("/neighbours", {"z": [0.5] * 100_000}).status == 413


def test_an_image_is_bounded_whatever_it_calls_itself(server):
    kind = BEARER | {"Content-Type": "application/json"}
    for path in ("/api/v1/encode", "/api/v1/explain"):
        assert server.send("POST", path, bytes(100_001), kind).status == 413


def test_health_reads_no_body_of_those_without_a_token(server):
    assert server.send("HEAD", "/api/v1/health", headers={}).status == 200
    refused = server.send("POST", "/api/v1/health", b"{}", {})
    assert (refused.status, "does not take POST" in refused.json["error"]) == (405, True)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"GET /api/v1/health HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 50000"
        connection.sendall(f"{head}\r\n\r\nbegin".encode())  # the rest never comes
        assert b" 200 " in connection.recv(65536).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "token", ["words with spaces", "half&token=other", "plus+plus", "schlüssel"]
)
def test_a_token_that_an_address_cannot_hold_is_refused_in_words(folder, token):
    with pytest.raises(OptionError, match=r"the token has .*expected letters"):
        serve(folder, port=0, token=token)


def test_a_body_that_does_not_arrive_is_given_up(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"POST /api/v1/encode HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 50000\r\n"
        connection.sendall(f"{head}Authorization: Bearer {TOKEN}\r\n\r\nbegin".encode())
        assert b" 408 " in connection.recv(65536).partition(b"\r\n")[0]


def bomb():
    """A PNG of some kB that unpacks to 100 million pixels."""
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG", compress_level=9)
    return file.getvalue()


def test_what_is_no_usable_image_is_refused_in_words(server):
    for data, said in [
        (b"no image at all", "not an image"),
        (b"", "empty"),
        (picture(200, 200)[:-40], "broken"),
        (bomb(), "bomb"),
        (picture(1200, 1000), "1200 x 1000 pixels"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    ]:
        refused = server.send("POST", "/api/v1/encode", data)
        assert refused.status == 400, said
        assert said in refused.json["error"]
    assert server.send("POST", "/api/v1/encode", picture(1000, 1000)).status == 200


def test_too_many_vectors_are_refused(server):
    assert server.post("/decode", {"z": np.zeros((64, 8)).tolist()}).status == 200
    refused = server.post("/decode", {"z": np.zeros((65, 8)).tolist()})
    assert refused.status == 400
    assert "expected 1 to 64" in refused.json["error"]


def test_uploads_from_other_machines_are_counted(folder):
    with running(folder, host="0.0.0.0", limits=Limits(uploads_per_minute=3)) as open_to_all:
        for _ in range(3):
            assert open_to_all.send("POST", "/api/v1/encode", picture()).status == 200
        refused = open_to_all.send("POST", "/api/v1/encode", picture())
        assert refused.status == 429
        assert 0 < int(refused.headers["retry-after"]) <= 61
        assert open_to_all.get("/manifest").status == 200


def test_wrong_tokens_from_other_machines_are_counted(folder):
    wrong = {"Authorization": "Bearer no-such-token"}
    with running(folder, host="0.0.0.0", limits=Limits(guesses_per_minute=3)) as open_to_all:
        assert open_to_all.get("/manifest").status == 200
        assert [open_to_all.get("/manifest", wrong).status for _ in range(3)] == [401] * 3
        refused = open_to_all.get("/manifest")  # also with the right one: else guessing goes on
        assert refused.status == 429
        assert "wrong token too often" in refused.json["error"]
        assert 0 < int(refused.headers["retry-after"]) <= 61
        assert open_to_all.send("GET", "/?token=a-token-for-the-tests", headers={}).status == 429
    with running(folder, limits=Limits(guesses_per_minute=1)) as own:
        assert [own.get("/manifest", wrong).status for _ in range(3)] == [401] * 3


def test_on_this_machine_uploads_are_not_counted(folder):
    with running(folder, limits=Limits(uploads_per_minute=1)) as own:
        assert [own.send("POST", "/api/v1/encode", picture()).status for _ in range(3)] == [200] * 3


def test_a_rate_limit_lets_the_window_pass():
    limit = RateLimit(2, seconds=0.05)
    assert [limit.wait("a") for _ in range(2)] == [0, 0]
    left = limit.wait("a")
    assert 0 < left <= 0.05
    assert limit.wait("b") == 0
    time.sleep(left + 0.01)
    assert limit.wait("a") == 0


# --- nothing outside -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../../space.json",
        "..%2f..%2fspace.json",
        "%2e%2e%2fspace.json",
        "%2fetc%2fpasswd",
        "..\\space.json",
        "space.json",
        "z%00",
    ],
)
@pytest.mark.parametrize("root", ["/api/v1/resources/", "/assets/"])
def test_no_name_leads_out(server, root, name):
    answer = server.send("GET", root + name, headers=BEARER)
    assert answer.status == 404
    assert b'"format"' not in answer.body
    assert b"root:" not in answer.body


def test_the_page_is_served_and_nothing_beside_it(folder, tmp_path):
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>page</title>")
    (page / "latlas.js").write_text("export const x = 1;\n" * 200)
    (tmp_path / "secret.txt").write_text("secret")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    with running(folder) as found:
        found.app.state.context.page = page
        shown = found.send("GET", "/", headers=BEARER)
        assert shown.headers["content-type"].startswith("text/html")
        script = found.send(
            "GET", "/assets/latlas.js", headers=BEARER | {"Accept-Encoding": "gzip"}
        )
        assert script.headers["content-type"].startswith("text/javascript")
        assert script.headers["content-encoding"] == "gzip"
        again = BEARER | {"If-None-Match": script.headers["etag"]}
        assert found.send("GET", "/assets/latlas.js", headers=again).status == 304
        assert found.send("GET", "/assets/link.txt", headers=BEARER).status == 404
        found.app.state.context.page = tmp_path / "none"
        missing = found.send("GET", "/", headers=BEARER)
        assert (missing.status, "make web" in missing.json["error"]) == (503, True)


def test_a_walk_reads_no_file(server, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    refused = server.post("/walk", {"start": str(path), "end": 3})
    assert (refused.status, refused.json["error"][:20]) == (404, "there is no label '/")

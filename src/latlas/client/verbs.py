"""A space on a server, asked from Python: the verbs of the HTTP API as methods.

Only the standard library and numpy, so that a notebook elsewhere can ask a server of latlas.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from latlas.client.wire import Picture, Vectors, arrays, end_of, file_of, named, raise_again
from latlas.contracts import (
    FloatArray,
    IntArray,
    NoProgress,
    OptionError,
    Progress,
    RunError,
    UInt8Array,
)

__all__ = ["Client"]

PREFIX = "/api/v1"
ROWS = 4096
"""Latents that are asked for at once."""
WAIT = 20.0
"""Seconds that the server may hold a question about a job before it answers."""


class Client:
    """A space that ``latlas serve`` serves.

    Errors are those that the verbs raise here too: ``OptionError`` for what was asked wrongly,
    ``SpaceError`` where the space cannot be read, ``RunError`` where no server answers.

    Args:
        url: the address that ``latlas serve`` printed, with or without its token.
        token: the token, where the address has none.
        timeout: seconds to wait for an answer.

    Example:
        >>> import latlas
        >>> client = latlas.Client("http://127.0.0.1:8600/?token=...")  # doctest: +SKIP
        >>> client.neighbours(7, k=3)["ids"]  # doctest: +SKIP
        array([1264, 5093, 88])
        >>> client.decode([[0.0] * 16]).shape  # doctest: +SKIP
        (1, 28, 28, 1)
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 150.0) -> None:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise OptionError(f"the address is {url!r}; expected http://HOST:PORT/?token=...")
        given = dict(urllib.parse.parse_qsl(parts.query)).get("token")
        self._base = f"{parts.scheme}://{parts.netloc}{PREFIX}"
        self._token, self._timeout = token or given or "", timeout
        self._channels = 0
        self._reader = secrets.token_hex(8)  # so that another's job is not cancelled

    def __repr__(self) -> str:
        return f"Client({self._base.removesuffix(PREFIX)!r})"

    # --- what is there ------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """What the space is and what made it, as ``Space.info``."""
        return self._object("GET", "/info")

    def manifest(self) -> dict[str, Any]:
        """What the page reads first: classes, maps, columns, nets."""
        return self._object("GET", "/manifest")

    def scores(self) -> list[dict[str, Any]]:
        """Every score taken of the space."""
        found: list[dict[str, Any]] = self._ask("GET", "/scores")
        return found

    def resource(self, name: str) -> bytes:
        """The bytes of a resource of the page, for instance ``"z"`` or ``"map-tsne"``.

        Raises:
            OptionError: the space has no such resource.
        """
        return self._bytes("GET", f"/resources/{urllib.parse.quote(name, safe='')}")[0]

    def image(self, id: int, size: int | None = None) -> UInt8Array:  # noqa: A002
        """An image of the space: uint8 [H, W, C]; ``size``: its longer side in pixels.

        Raises:
            OptionError: there is no such id.
        """
        query = "" if size is None else f"?size={size}"
        with Image.open(io.BytesIO(self._bytes("GET", f"/images/{int(id)}{query}")[0])) as picture:
            pixels = np.asarray(picture)
        return pixels[..., None] if pixels.ndim == 2 else pixels

    def row(self, id: int) -> dict[str, Any]:  # noqa: A002
        """What is known of an image: uri, label, split, error, told, z [D], odds [K] or None, tags.

        Raises:
            OptionError: there is no such id.
        """
        facts = self._ask("GET", f"/rows/{int(id)}")
        return arrays(facts, z=np.float32, odds=np.float64)

    def latents(self, ids: Sequence[int] | IntArray) -> FloatArray:
        """The latent vectors of images by id: float32 [n, D].

        Raises:
            OptionError: there is no such id, or no id is given.
        """
        found = []
        for start in range(0, max(len(ids), 1), ROWS):
            asked = {"ids": [int(number) for number in ids[start : start + ROWS]]}
            data = self._bytes("POST", "/latents", asked)[0]
            found.append(np.frombuffer(data, "<f4").reshape(len(asked["ids"]), -1))
        return np.concatenate(found).astype(np.float32, copy=False)

    # --- the verbs ----------------------------------------------------------------------

    def neighbours(
        self, query: int | Vectors, k: int = 10, label: str | None = None
    ) -> dict[str, Any]:
        """The k nearest images of an id or a latent vector [D], the nearest first.

        Args:
            query: an id, or a vector.
            k: how many.
            label: of a vector in the scope per-class, whose space is meant.

        Returns:
            ids int64 [k], distances float32 [k], and k labels.
        """
        asked: dict[str, Any] = {"k": k}
        if isinstance(query, int | np.integer):
            asked["id"] = int(query)
        else:
            asked |= {"z": np.asarray(query).tolist(), "label": label}
        found = self._ask("POST", "/neighbours", asked)
        return arrays(found, ids=np.int64, distances=np.float32)

    def decode(self, z: Vectors, labels: str | Sequence[str] | None = None) -> UInt8Array:
        """Latent vectors [N, D] -> images uint8 [N, H, W, C]; labels as in ``Space.decode``."""
        given = list(labels) if labels is not None and not isinstance(labels, str) else labels
        asked = {"z": np.asarray(z).tolist(), "labels": given, "format": "raw"}
        data, headers = self._bytes("POST", "/decode", asked)
        shape = [int(side) for side in headers["x-shape"].split(",")]
        return self._pixels(np.frombuffer(data, np.uint8).reshape(shape))

    def encode(self, image: Picture, label: str = "") -> dict[str, Any]:
        """Where an image lies: an array, a Pillow image, the path or the bytes of a file.

        Returns:
            z float32 [D], told, odds float64 [K] or None, novelty or None, error, neighbours, and
            the place on each map.
        """
        query = f"?{urllib.parse.urlencode({'label': label})}" if label else ""
        seen = self._ask("POST", f"/encode{query}", file_of(image))
        near = arrays(seen["neighbours"], ids=np.int64, distances=np.float32)
        return arrays(seen, z=np.float32, odds=np.float64) | {"neighbours": near}

    def classify(
        self, ids: Sequence[int] | IntArray | None = None, z: Vectors | None = None
    ) -> dict[str, Any]:
        """The classes, and odds float64 [n, K] of images by id or of latent vectors.

        Raises:
            OptionError: no classifier is fitted.
        """
        asked: dict[str, Any] = {"ids": [int(number) for number in ids]} if ids is not None else {}
        if z is not None:
            asked["z"] = np.asarray(z).tolist()
        return arrays(self._ask("POST", "/classify", asked), odds=np.float64)

    def walk(
        self,
        start: int | str | Vectors,
        end: int | str | Vectors | None = None,
        steps: int = 10,
        path: str = "linear",
        *,
        towards: str | None = None,
        strength: float = 1.0,
        label: str | None = None,
    ) -> dict[str, Any]:
        """The way between two ids, vectors (of a label) or ``"label:NAME"``, or towards a class.

        Returns:
            z float32 [S, D], told, odds float64 [S, K] or None, images uint8 [S, H, W, C].
        """
        asked = {"start": end_of(start), "end": end_of(end), "label": label, "steps": steps}
        asked |= {"path": path, "towards": towards, "strength": strength}
        found = self._ask("POST", "/walk", asked)
        return self._drawn(arrays(found, z=np.float32, odds=np.float64))

    def explain(self, image: int | Picture) -> dict[str, Any]:
        """An image (an id, or as in ``encode``) as each class's model draws it.

        Returns:
            labels, z float32 [K, D], errors float32 [K], images uint8 [K, H, W, C].
        """
        body = {"id": int(image)} if isinstance(image, int | np.integer) else file_of(image)
        found = self._ask("POST", "/explain", body)
        return self._drawn(arrays(found, z=np.float32, errors=np.float32))

    # --- long work ----------------------------------------------------------------------

    def sample(
        self,
        n: int = 64,
        label: str | Sequence[str] | None = None,
        *,
        prior: str | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """New images, as ``Space.sample``; waits for the job.

        Returns:
            z float32 [n, D], images uint8 [n, H, W, C], labels, log_density float64 [n],
            nearest_ids int64 [n], nearest_distances float32 [n], prior.
        """
        several = label is not None and not isinstance(label, str)
        asked = {"n": n, "label": list(label) if several and label else label, "prior": prior}
        found = self.wait(
            self.start("sample", **asked, temperature=temperature, seed=seed)["id"], progress
        )
        return self._drawn(
            arrays(
                found,
                z=np.float32,
                log_density=np.float64,
                nearest_ids=np.int64,
                nearest_distances=np.float32,
            )
        )

    def find(
        self, kind: str, most: int = 1000, *, seed: int = 0, progress: Progress | None = None
    ) -> dict[str, Any]:
        """``duplicates``, ``outliers`` or ``mislabelled``: kind, found and the first rows."""
        job = self.start("find", kind=kind, most=most, seed=seed)
        found: dict[str, Any] = self.wait(job["id"], progress)
        return found

    def start(self, work: str, **asked: Any) -> dict[str, Any]:
        """Starts ``sample``, ``find``, ``map``, ``classifier``, ``prior`` or ``measure`` as a job.

        Example:
            >>> job = client.start("map", name="umap")  # doctest: +SKIP
            >>> client.wait(job["id"])  # doctest: +SKIP
        """
        return self._object("POST", f"/{work}", asked)

    def wait(self, id: str, progress: Progress | None = None) -> Any:  # noqa: A002
        """Waits for a job and gives its result.

        Raises:
            RunError: it was cancelled or failed; where it failed for another reason, that error.
        """
        with (progress or NoProgress()).stage("waiting for the server", 1.0) as stage:
            done = 0.0
            while True:
                job = self._ask("GET", f"/jobs/{id}?wait={WAIT if progress is None else 0.5}")
                stage.advance(max(job["done"] - done, 0.0), now=job["text"])
                done = max(job["done"], done)
                if job["state"] == "done":
                    return job["result"]
                if job["state"] in {"failed", "cancelled"}:
                    words = job.get("error") or f"the job {id} was {job['state']}."
                    raise named(str(job.get("error_kind", "")), RunError)(words)
                time.sleep(0.02)

    def jobs(self) -> list[dict[str, Any]]:
        """Every job that the server knows, the newest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/jobs")
        return found

    def job(self, id: str) -> dict[str, Any]:  # noqa: A002
        """One job, with its result once it is done."""
        return self._object("GET", f"/jobs/{id}")

    def cancel(self, id: str, *, everyone: bool = False) -> dict[str, Any]:  # noqa: A002
        """Ends a job, unless another reader asked for the same; ``everyone``: whoever asked."""
        return self._object("DELETE", f"/jobs/{id}{'?everyone=true' if everyone else ''}")

    # --- labels and tags ----------------------------------------------------------------

    def edits(self) -> dict[str, Any]:
        """Revision, labels by id, ids by tag, and the history."""
        return self._object("GET", "/edits")

    def edits_csv(self) -> str:
        """Every changed image as CSV: id,uri,label,new_label,tags."""
        return self._bytes("GET", "/edits.csv")[0].decode()

    def relabel(
        self, ids: Sequence[int] | IntArray, label: str | None, revision: int | None = None
    ) -> dict[str, Any]:
        """Gives images another label ("" for none, None for that of the source).

        Args:
            ids: their ids.
            label: the label.
            revision: what you looked at; None takes what is the latest now.

        Returns:
            The new state, as ``edits``.

        Raises:
            OptionError: another revision is the latest, or an id is not there.
        """
        change: dict[str, Any] = {"remove": True} if label is None else {"label": label}
        return self._change("/edits", ids, revision, change)

    def tag(
        self,
        ids: Sequence[int] | IntArray,
        tag: str,
        revision: int | None = None,
        *,
        remove: bool = False,
    ) -> dict[str, Any]:
        """Puts a tag on images, or takes it off; as ``relabel``."""
        return self._change("/edits", ids, revision, {"tag": tag, "remove": remove})

    def undo(self, revision: int | None = None) -> dict[str, Any]:
        """Takes the last change back; as ``relabel``."""
        return self._change("/edits/undo", None, revision, {})

    def _change(
        self,
        path: str,
        ids: Sequence[int] | IntArray | None,
        revision: int | None,
        change: Mapping[str, Any],
    ) -> dict[str, Any]:
        at = self.edits()["revision"] if revision is None else revision
        named = {} if ids is None else {"ids": [int(number) for number in ids]}
        return self._object("POST", path, {"revision": at} | named | dict(change))

    # --- the wire -----------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self._bytes(method, path, body)[0])

    def _object(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(method, path, body)
        return found

    def _bytes(self, method: str, path: str, body: Any = None) -> tuple[bytes, Mapping[str, str]]:
        headers = {"Accept-Encoding": "gzip", "X-Reader": self._reader}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data: bytes | None = None
        if isinstance(body, bytes):
            data, headers["Content-Type"] = body, "application/octet-stream"
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self._base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                found: bytes = answer.read()
                packed = answer.headers.get("Content-Encoding") == "gzip"
                return gzip.decompress(found) if packed else found, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                raise_again(error.code, error.read())
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise RunError(
                f"no server answers at {self._base.removesuffix(PREFIX)} ({reason}). Start one "
                "with: latlas serve SPACE"
            ) from error

    def _drawn(self, found: dict[str, Any]) -> dict[str, Any]:
        """The same with ``images`` as uint8 [n, H, W, C]."""
        data = base64.b64decode(found["images"])
        pixels = np.frombuffer(data, np.uint8).reshape(found.pop("shape"))
        return found | {"images": self._pixels(pixels)}

    def _pixels(self, rgba: UInt8Array) -> UInt8Array:
        """RGBA as the images of the space are: C = 1 or 3."""
        self._channels = self._channels or int(self.manifest()["shape"][2])
        return np.ascontiguousarray(rgba[..., : self._channels])

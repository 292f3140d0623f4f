"""Neighbours for many readers at once: whoever waits shares one pass over the latents.

A pass over a million vectors costs the same memory traffic for one question as for thirty-two, so
questions that come while a pass runs are answered together by the next. The answers are exact:
the product in float32 only chooses candidates, which are measured again; where rounding might have
lost one (the bound is that of ``latlas.neighbours``), the question is asked again there.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.neighbours import Neighbours, as_points, nearest

__all__ = ["MOST_TOGETHER", "Finder", "Meeting"]

MOST_TOGETHER = 32
"""Questions in one pass; more would wait longer than they gain."""
CHUNK = 65_536
GROUP = 64
SLACK = 8


class Finder:
    """Exact nearest neighbours among points that stay the same.

    Args:
        points: float32 [N, D], N ≥ 1.
    """

    def __init__(self, points: FloatArray) -> None:
        self._points = as_points(points)
        self._all = torch.from_numpy(self._points)
        self._centre = torch.from_numpy(self._points.mean(axis=0, dtype=np.float64)).float()
        self._chunks: list[torch.Tensor] = []  # [D + 1, n]: points and their squared lengths
        for chunk in torch.split(self._all, CHUNK):
            centred = chunk - self._centre
            lengths = centred.square().sum(dim=1, keepdim=True)
            self._chunks.append(torch.cat([centred, lengths], dim=1).T.contiguous())

    def __len__(self) -> int:
        return len(self._points)

    def find(self, queries: FloatArray, k: int) -> Neighbours:
        """The k nearest points of queries float32 [M, D], nearest first; k in 1..N.

        Raises:
            OptionError: shapes that do not match, values that are not finite, k out of range.
        """
        asked = as_points(queries, "queries")
        if asked.shape[1] != self._points.shape[1]:
            raise OptionError(
                f"the latent vector has {asked.shape[1]} values; this space has "
                f"{self._points.shape[1]}."
            )
        if not 1 <= k <= len(self):
            raise OptionError(f"k is {k}; expected 1 to {len(self)}, the images to choose from.")
        width = min(k + SLACK, len(self))
        if width * GROUP * 2 > min(CHUNK, len(self)):
            return nearest(asked, self._points, k)
        with torch.inference_mode():
            return self._find(torch.from_numpy(asked), k, width)

    def _find(self, queries: torch.Tensor, k: int, width: int) -> Neighbours:
        centred = queries - self._centre
        q = torch.cat([-2 * centred, torch.ones_like(centred[:, :1])], dim=1)  # [M, D + 1]
        scores, rows = _lowest(q, self._chunks, width)
        squares = (self._all[rows] - queries[:, None]).square().sum(dim=2)  # [M, width]
        # By distance, then by row: equal distances come in the order of their rows.
        rows, order = rows.sort(dim=1)
        squares, by_distance = squares.gather(1, order).sort(dim=1, stable=True)
        rows = rows.gather(1, by_distance)[:, :k]
        squares = squares[:, :k]
        norm, kth = centred.double().norm(dim=1), squares[:, -1].double()
        error = 1.2e-7 * (q.shape[1] + 3) * (2 * norm + kth.sqrt()) ** 2
        safe = kth <= scores.amax(dim=1).double() + norm**2 - error
        indices, distances = rows.numpy(), squares.sqrt().numpy()
        if width < len(self) and not bool(safe.all()):
            doubtful = np.flatnonzero(~safe.numpy())
            again = nearest(queries.numpy()[doubtful], self._points, k)
            indices[doubtful], distances[doubtful] = again.indices, again.distances
        return Neighbours(indices, distances)


def _lowest(
    q: torch.Tensor, chunks: list[torch.Tensor], width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``width`` lowest products of each query [M, D + 1], with their rows."""
    lows: list[torch.Tensor] = []
    places: list[torch.Tensor] = []
    bound = torch.full((len(q), 1), torch.inf)
    for number, chunk in enumerate(chunks):
        product = q @ chunk  # [M, n]
        whole = product.shape[1] // GROUP * GROUP
        groups = product[:, :whole].view(len(q), -1, GROUP) if whole else product[:, :0, None]
        best = groups.amin(dim=2)
        if number and not bool((best < bound).any()) and whole == product.shape[1]:
            continue  # nothing here is nearer than what is known
        low, columns = _of_groups(product, groups, best, width)
        lows.append(low)
        places.append(columns + number * CHUNK)
        if len(lows) > 1:
            merged, source = torch.cat(lows, dim=1), torch.cat(places, dim=1)
            low, kept = merged.topk(min(width, merged.shape[1]), dim=1, largest=False)
            lows, places = [low], [source.gather(1, kept)]
        if lows[0].shape[1] == width:
            bound = lows[0].amax(dim=1, keepdim=True)
    return lows[0], places[0]


def _of_groups(
    product: torch.Tensor, groups: torch.Tensor, best: torch.Tensor, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The lowest of one product: they lie in the groups whose least values are lowest."""
    count, whole = best.shape[1], best.shape[1] * GROUP
    if count <= width:
        low = product.topk(min(width, product.shape[1]), dim=1, largest=False)
        return low.values, low.indices
    chosen = best.topk(width, dim=1, largest=False, sorted=False).indices[:, :, None]
    kept = groups.gather(1, chosen.expand(-1, -1, GROUP)).flatten(1)
    columns = (chosen * GROUP + torch.arange(GROUP)).flatten(1)
    rest = torch.arange(whole, product.shape[1]).expand(len(product), -1)
    kept = torch.cat([kept, product[:, whole:]], dim=1)
    low = kept.topk(width, dim=1, largest=False)
    return low.values, torch.cat([columns, rest], dim=1).gather(1, low.indices)


@dataclass(eq=False)
class _Question:
    z: FloatArray
    k: int
    answer: Future[tuple[IntArray, FloatArray]] = field(default_factory=Future)


class Meeting:
    """Where those who ask a finder meet: one thread answers all who wait, together.

    Args:
        finder: knows the points.
    """

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self._waiting: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._open, self._lock = True, threading.Lock()
        threading.Thread(target=self._work, name="latlas-near", daemon=True).start()

    async def find(self, z: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """Rows int64 [k] and distances float32 [k] of the points nearest to z [D].

        Raises:
            OptionError: another dimension, values that are not finite, or k out of range.
        """
        question = _Question(np.asarray(z, np.float32), k)
        with self._lock:
            taken = self._open
            if taken:
                self._waiting.put(question)
        if not taken:  # the space was opened again meanwhile; the old one still answers
            await asyncio.to_thread(self._alone, question)
        return await asyncio.wrap_future(question.answer)

    def close(self) -> None:
        """Lets the thread end once it has answered all who wait."""
        with self._lock:
            self._open = False
            self._waiting.put(None)

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            together = [first]
            ended = False
            while len(together) < MOST_TOGETHER and not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    ended = True
                    break
                together.append(more)
            self._answer([q for q in together if q.answer.set_running_or_notify_cancel()])
            if ended:
                return

    def _answer(self, questions: list[_Question]) -> None:
        sound = [q for q in questions if self._is_sound(q)]
        for odd in (q for q in questions if q not in sound):
            self._alone(odd)
        if not sound:
            return
        try:
            most = max(q.k for q in sound)
            found = self.finder.find(np.stack([q.z for q in sound]), most)
        except BaseException as error:
            for question in sound:
                question.answer.set_exception(error)
            return
        for question, rows, distances in zip(sound, found.indices, found.distances, strict=True):
            question.answer.set_result((rows[: question.k], distances[: question.k]))

    def _is_sound(self, question: _Question) -> bool:
        """Whether it can be asked with others; one that cannot must not spoil their answers."""
        fits = question.z.shape == self.finder._points.shape[1:]
        return fits and 1 <= question.k <= len(self.finder) and bool(np.isfinite(question.z).all())

    def _alone(self, question: _Question) -> None:
        try:
            found = self.finder.find(question.z[None], question.k)
            question.answer.set_result((found.indices[0], found.distances[0]))
        except BaseException as error:
            question.answer.set_exception(error)

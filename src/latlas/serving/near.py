"""Neighbours for many readers at once: whoever waits shares one pass over the latents.

A pass over a million vectors costs the same memory traffic for one question as for thirty-two, so
questions that come while a pass runs are answered together by the next. The answers are exact:
the product in float32 only chooses candidates, which are measured again; where rounding might have
lost one (the bound is that of ``latlas.neighbours``), the question is asked again there.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.neighbours import Neighbours, as_points, nearest

__all__ = ["MOST_TOGETHER", "Finder", "Meeting"]

MOST_TOGETHER = 32
"""Questions in one pass; more would wait longer than they gain."""
CHUNK = 65_536
"""Rows in one product; smaller ones stay in the processor's cache, but call Python more often,
which then keeps the other threads of the server waiting."""
WAIT = 0.008
"""Seconds that a pass waits for as many questions as the one before had."""
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
        # [D + 1, n]: points and their squared lengths. The members of a group, 64 rows that follow
        # each other, stand n / 64 columns apart: minima of whole lines at once are quicker, and
        # so is reading rows that lie together.
        self._chunks: list[torch.Tensor] = []
        for chunk in torch.split(self._all[: len(self._all) // GROUP * GROUP], CHUNK):
            centred = chunk - self._centre
            lengths = centred.square().sum(dim=1, keepdim=True)
            lifted = torch.cat([centred, lengths], dim=1).view(-1, GROUP, centred.shape[1] + 1)
            self._chunks.append(lifted.permute(2, 1, 0).flatten(1).contiguous())
        self._groups = len(self._all) // GROUP
        self._rest = torch.arange(self._groups * GROUP, len(self._all))

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
            indices, distances, safe = self._find(torch.from_numpy(asked), k, width)
        if not safe.all():
            again = nearest(asked[~safe], self._points, k)
            indices[~safe], distances[~safe] = again.indices, again.distances
        return Neighbours(indices, distances)

    def _find(
        self, queries: torch.Tensor, k: int, width: int
    ) -> tuple[IntArray, FloatArray, NDArray[np.bool_]]:
        """Rows and distances [M, k], and whether rounding can have lost none of them: [M]."""
        centred = queries - self._centre
        rows, points, beyond = self._candidates(centred, width)
        apart = points.sub_(queries[:, None])
        squares = apart.square_().sum(dim=2)  # [M, C]
        kept = squares.topk(width, dim=1, largest=False, sorted=False).indices
        # By distance, then by row: equal distances come in the order of their rows.
        rows, order = rows.gather(1, kept).sort(dim=1)
        squares = squares.gather(1, kept).gather(1, order)
        squares, by_distance = squares.sort(dim=1, stable=True)
        rows = rows.gather(1, by_distance)[:, :k]
        squares = squares[:, :k]
        norm, kth = centred.double().norm(dim=1), squares[:, -1].double()
        error = 1.2e-7 * (queries.shape[1] + 4) * (2 * norm + kth.sqrt()) ** 2
        safe = kth <= beyond.double() + norm**2 - error
        return rows.numpy(), squares.sqrt().numpy(), safe.numpy()

    def _candidates(
        self, centred: torch.Tensor, width: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rows among which the ``width`` nearest lie, their points, the least score of all others.

        They lie in the ``width`` groups of 64 rows whose least scores |p|² - 2 q·p are lowest,
        and among the rows that are left over: int64 [M, C], float32 [M, C, D], float32 [M].
        """
        q = torch.cat([-2 * centred, torch.ones_like(centred[:, :1])], dim=1)  # [M, D + 1]
        scores = torch.empty(len(q), CHUNK)  # one for all: new memory is slow
        parts = []
        for chunk in self._chunks:
            fits = chunk.shape[1] == CHUNK
            product = torch.mm(q, chunk, out=scores) if fits else q @ chunk
            parts.append(product.view(len(q), GROUP, -1).amin(dim=1))
        least = torch.cat(parts, dim=1)  # [M, groups]
        low = least.topk(width + 1, dim=1, largest=False)
        groups = low.indices[:, :width]
        rows = torch.cat(
            [
                (groups[:, :, None] * GROUP + torch.arange(GROUP)).flatten(1),
                self._rest.expand(len(q), -1),
            ],
            dim=1,
        )
        in_groups = self._all[: self._groups * GROUP].view(self._groups, -1)[groups]
        dim = self._all.shape[1]
        points = torch.cat(
            [in_groups.view(len(q), -1, dim), self._all[self._rest].expand(len(q), -1, dim)], dim=1
        )
        return rows, points, low.values[:, width]


Answer = tuple[IntArray, FloatArray]


@dataclass(eq=False)
class _Question:
    z: FloatArray
    k: int
    answer: asyncio.Future[Answer]


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

    async def find(self, z: FloatArray, k: int) -> Answer:
        """Rows int64 [k] and distances float32 [k] of the points nearest to z [D].

        Raises:
            OptionError: another dimension, values that are not finite, or k out of range.
        """
        loop = asyncio.get_running_loop()
        question = _Question(np.asarray(z, np.float32), k, loop.create_future())
        with self._lock:
            taken = self._open
            if taken:
                self._waiting.put(question)
        if not taken:  # the space was opened again meanwhile; the old one still answers
            return await asyncio.to_thread(self._alone, question)
        return await question.answer

    def close(self) -> None:
        """Lets the thread end once it has answered all who wait."""
        with self._lock:
            self._open = False
            self._waiting.put(None)

    def _work(self) -> None:
        before = 1
        while (first := self._waiting.get()) is not None:
            together, ended = self._gather(first, before)
            before = len(together)
            self._answer(together)
            if ended:
                return

    def _gather(self, first: _Question, before: int) -> tuple[list[_Question], bool]:
        """The questions of one pass, and whether no more will come.

        Those who were just answered ask again within moments of each other. A pass for the first
        of them alone would cost nearly as much as for all, so it waits for as many as last time,
        but not for long.
        """
        together = [first]
        until = time.monotonic() + WAIT
        while len(together) < MOST_TOGETHER:
            left = until - time.monotonic() if len(together) < before else 0.0
            try:
                more = self._waiting.get(timeout=left) if left > 0 else self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return together, True
            together.append(more)
        return together, False

    def _answer(self, questions: list[_Question]) -> None:
        questions = [q for q in questions if not q.answer.cancelled()]  # whoever asked has gone
        sound = [q for q in questions if self._is_sound(q)]
        answers: list[tuple[_Question, Answer | Exception]] = []
        try:
            if sound:
                found = self.finder.find(np.stack([q.z for q in sound]), max(q.k for q in sound))
                each = zip(sound, found.indices, found.distances, strict=True)
                answers += [(q, (rows[: q.k], apart[: q.k])) for q, rows, apart in each]
        except Exception as error:
            answers += [(question, error) for question in sound]
        for odd in (q for q in questions if q not in sound):
            try:
                answers.append((odd, self._alone(odd)))
            except Exception as error:
                answers.append((odd, error))
        _deliver(answers)

    def _is_sound(self, question: _Question) -> bool:
        """Whether it can be asked with others; one that cannot must not spoil their answers."""
        fits = question.z.shape == self.finder._points.shape[1:]
        return fits and 1 <= question.k <= len(self.finder) and bool(np.isfinite(question.z).all())

    def _alone(self, question: _Question) -> Answer:
        found = self.finder.find(question.z[None], question.k)
        return found.indices[0], found.distances[0]


def _deliver(answers: list[tuple[_Question, Answer | Exception]]) -> None:
    """Hands the answers over, all that one event loop waits for at once: waking it costs."""
    loops = {question.answer.get_loop() for question, _ in answers}
    for loop in loops:
        own = [answer for answer in answers if answer[0].answer.get_loop() is loop]
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_set, own)


def _set(answers: list[tuple[_Question, Answer | Exception]]) -> None:
    for question, answer in answers:
        if question.answer.done():
            continue
        if isinstance(answer, Exception):
            question.answer.set_exception(answer)
        else:
            question.answer.set_result(answer)

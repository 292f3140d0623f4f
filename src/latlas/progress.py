"""Progress for people: live bars in a terminal, now and then a line in a log.

Everything goes to stderr, so that stdout stays free for results. A stage may be advanced from any
thread, thousands of times a second: it only counts, and the display looks at it when it draws.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from latlas.contracts import NoProgress, Progress
from latlas.lazily import lazy_import

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

rich_bar = lazy_import("rich.progress_bar")
rich_console = lazy_import("rich.console")
rich_live = lazy_import("rich.live")
rich_table = lazy_import("rich.table")
rich_text = lazy_import("rich.text")

__all__ = ["PlainProgress", "TerminalProgress", "default_progress"]

_WINDOW = 30.0  # seconds over which the rate is taken
_SAMPLE = 0.25  # seconds between two looks at the count
_WIDE = 72  # below this width of the terminal count and rate are left out
_BAR = (4, 32)  # least and greatest width of a bar, in characters


def default_progress(quiet: bool = False) -> Progress:
    """The progress that fits where this process runs.

    Args:
        quiet: report nothing.

    Returns:
        Live bars in a terminal or a notebook, else occasional lines.
    """
    if quiet or sys.stderr is None:
        return NoProgress()
    in_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return TerminalProgress() if in_terminal or _in_notebook() else PlainProgress()


class TerminalProgress:
    """One live bar for each running stage; a finished stage leaves one line.

    Args:
        console: a rich console to draw on; None for one on stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console: Console = console or rich_console.Console(stderr=True)
        self._lock = threading.RLock()
        self._stages: list[_Count] = []
        self._live: Any = None

    @contextlib.contextmanager
    def stage(self, name: str, total: float | None = None, unit: str = "") -> Iterator[_Count]:
        """Opens a stage of ``total`` units (None when unknown) and shows its bar."""
        count = _Count(name, total, unit)
        with self._lock:
            self._stages.append(count)
            if self._live is None:
                self._live = rich_live.Live(
                    console=self._console,
                    get_renderable=self._draw,
                    refresh_per_second=8,
                    transient=True,
                    redirect_stdout=False,
                )
                self._live.start(refresh=True)
        finished = False
        try:
            yield count
            finished = True
        finally:
            self._close(count, finished)

    def note(self, message: str) -> None:
        """Says one plain sentence, above the bars."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def _close(self, count: _Count, finished: bool) -> None:
        with self._lock:
            self._stages.remove(count)
            live, last = self._live, not self._stages
            if last:
                self._live = None
        if last:
            live.stop()
        self._console.print(self._last_line(count, finished), soft_wrap=True)

    def _last_line(self, count: _Count, finished: bool) -> Any:
        unicode = self._console.encoding.lower().startswith("utf")
        marks = ("✓", "✗") if unicode else ("*", "x")
        line = rich_text.Text()
        line.append(marks[0] if finished else marks[1], "green" if finished else "red")
        line.append(f" {'  '.join([count.name, *count.summary(finished)])}")
        if fields := count.fields_in_words():
            fits = len(line) + 2 + len(fields) <= self._console.width
            line.append(f"  {fields}" if fits else f"\n  {fields}", "dim")
        return line

    def _draw(self) -> Table:
        with self._lock:
            stages = list(self._stages)
        rows = [(count, count.columns()) for count in stages]
        if self._console.width < _WIDE:
            rows = [(count, (row[0], "" if row[0] else row[1], "", row[3])) for count, row in rows]
        widths = [max((len(row[i]) for _, row in rows), default=0) for i in range(4)]
        names = max((len(count.name) for count in stages), default=0)
        # Every column but the bar takes what it needs, with two spaces after each.
        free = self._console.width - names - sum(width + 2 for width in widths) - 3
        width = min(max(free, _BAR[0]), _BAR[1])
        table: Table = rich_table.Table.grid(padding=(0, 2, 0, 0))
        for justify in ("left", "left", "right", "right", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        for count, row in rows:
            bar = rich_bar.ProgressBar(
                total=count.total or None,
                completed=count.done,
                width=width,
                pulse=not count.total,
                complete_style="cyan",
                finished_style="cyan",
                pulse_style="cyan",
            )
            table.add_row(count.name, bar, *row)
        if not any(fields := [count.fields_in_words() for count in stages]):
            return table
        outer: Table = rich_table.Table.grid()
        outer.add_column(no_wrap=True, overflow="ellipsis")
        outer.add_row(table)
        for count, words in zip(stages, fields, strict=True):
            if words:
                label = f"{count.name}: " if len(stages) > 1 else " " * (names + 2)
                outer.add_row(rich_text.Text(label + words, "dim"))
        return outer


class PlainProgress:
    """Lines of text: at most one every few seconds for each stage, and one at its end.

    Args:
        file: where to write; None for stderr.
        seconds: least time between two lines of a stage.
    """

    def __init__(self, file: TextIO | None = None, seconds: float = 5.0) -> None:
        self._file = file
        self._seconds = seconds

    @contextlib.contextmanager
    def stage(self, name: str, total: float | None = None, unit: str = "") -> Iterator[_Count]:
        """Opens a stage of ``total`` units (None when unknown)."""
        count = _Lines(name, total, unit, self)
        finished = False
        try:
            yield count
            finished = True
        finally:
            parts = [*count.summary(finished), count.fields_in_words()]
            self.note(f"{name}: {', '.join(part for part in parts if part)}")

    def note(self, message: str) -> None:
        """Says one plain sentence."""
        with contextlib.suppress(OSError, ValueError):  # a closed log must not end the work
            print(message, file=self._file or sys.stderr, flush=True)


class _Count:
    """How far a stage is, and how fast."""

    def __init__(self, name: str, total: float | None, unit: str) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done = 0.0
        self._fields: dict[str, float | str] = {}
        self._lock = threading.Lock()
        self._opened = time.monotonic()
        # A stage that goes on where an earlier run stopped first advances by what was done
        # then, so speed counts from after the first advance.
        self._first: tuple[float, float] | None = None
        self._last = (self._opened, 0.0)
        self._samples: deque[tuple[float, float]] = deque()

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        """Moves on by ``amount`` units; ``fields`` are shown beside the bar."""
        now = time.monotonic()
        with self._lock:
            self.done += amount
            self._fields |= fields
            self._last = (now, self.done)
            self._first = self._first or self._last
            if not self._samples or now - self._samples[-1][0] >= _SAMPLE:
                self._samples.append(self._last)
                while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW:
                    self._samples.popleft()

    def columns(self) -> tuple[str, str, str, str]:
        """Percent, count, rate and time left, in words; empty where unknown."""
        with self._lock:
            speed = _speed(self._samples[0], self._last) if self._samples else 0.0
            done, total = self.done, self.total
        percent = f"{min(100 * done / total, 100):.0f}%" if total else ""
        left = ""
        if total and self.unit == "s":
            left = f"{_duration(math.ceil(max(total - done, 0)))} left"
        elif total and speed > 0:
            left = f"{_duration(math.ceil(max(total - done, 0) / speed))} left"
        return percent, self._amount(done, total), self._rate(speed), left

    def fields_in_words(self) -> str:
        """The fields as ``name value`` pairs."""
        with self._lock:
            fields = dict(self._fields)
        return "  ".join(
            f"{key.replace('_', ' ')} {_short(value)}" for key, value in fields.items()
        )

    def line(self) -> str:
        """All of it in one line of text."""
        percent, amount, rate, left = self.columns()
        head = f"{percent} ({amount})" if percent else amount
        parts = [head, rate, left, self.fields_in_words()]
        return f"{self.name}: " + ", ".join(part for part in parts if part)

    def summary(self, finished: bool) -> list[str]:
        """What was done in which time, and how fast where that means something."""
        with self._lock:
            seconds, done = time.monotonic() - self._opened, self.done
            speed = _speed(self._first, self._last) if self._first else 0.0
        time_taken = _duration(seconds)
        if not finished:
            at = f" at {self._amount(done, self.total)}" if done else ""
            return [f"stopped{at} after {time_taken}"]
        if self.unit == "s" or not done:
            return [time_taken]
        rate = self._rate(speed) if seconds >= 1 else ""
        return [f"{self._amount(done, None)} in {time_taken}", *([rate] if rate else [])]

    def _amount(self, done: float, total: float | None) -> str:
        if self.unit == "B":
            return _size(done) if total is None else f"{_size(done)} / {_size(total)}"
        numbers = f"{done:,.0f}" if total is None else f"{done:,.0f}/{total:,.0f}"
        return f"{numbers} {self.unit}".rstrip()

    def _rate(self, speed: float) -> str:
        if speed <= 0 or self.unit == "s":
            return ""
        if self.unit == "B":
            return f"{_size(speed)}/s"
        number = f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
        return f"{number} {self.unit}/s" if self.unit else f"{number}/s"


class _Lines(_Count):
    """A count that says where it is now and then."""

    def __init__(self, name: str, total: float | None, unit: str, log: PlainProgress) -> None:
        super().__init__(name, total, unit)
        self._log = log
        self._spoken = self._opened

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        super().advance(amount, **fields)
        now = time.monotonic()
        with self._lock:
            due = now - self._spoken >= self._log._seconds
            if due:
                self._spoken = now
        if due:
            self._log.note(self.line())


def _speed(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Units per second between two moments, each (time, count)."""
    return (end[1] - start[1]) / (end[0] - start[0]) if end[0] > start[0] else 0.0


def _duration(seconds: float) -> str:
    if isinstance(seconds, float) and seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) < 99.95 else f"{value:,.0f}"


def _in_notebook() -> bool:
    """Whether this is a notebook that can show live bars."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    is_kernel = type(shell).__name__ == "ZMQInteractiveShell"
    return is_kernel and importlib.util.find_spec("ipywidgets") is not None

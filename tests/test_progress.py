import io
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

import latlas
from latlas import progress
from latlas.contracts import NoProgress
from latlas.progress import PlainProgress, TerminalProgress, default_progress


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def terminal(width=100):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    return TerminalProgress(console), console


def drawn(shown, width=100):
    """The live bars as text."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(shown._draw())
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def final_lines(console):
    """What stays in the terminal, without the codes that move the cursor."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())
    return [line.rstrip() for line in re.split(r"[\r\n]+", text)]


# --- the live bars -----------------------------------------------------------------------


def test_a_bar_shows_how_far_how_fast_and_how_long(clock):
    shown, _ = terminal()
    with shown.stage("training", 10_000, "images") as stage:
        stage.advance(0)
        for _ in range(5):
            clock.now += 1
            stage.advance(500, epoch=1, loss=0.0123456, note="warm")
        line, fields = drawn(shown)
    assert line.startswith("training  ━")
    assert re.search(r"25%  2,500/10,000 images  500 images/s  15 s left$", line)
    assert fields.strip() == "epoch 1  loss 0.0123  note warm"


def test_a_stage_that_goes_on_does_not_count_the_earlier_part_as_speed(clock):
    shown, _ = terminal()
    with shown.stage("training", 10_000, "images") as stage:
        stage.advance(9_000)
        clock.now += 2
        stage.advance(100)
        assert "50 images/s  18 s left" in drawn(shown)[0]


def test_the_rate_follows_a_change_of_speed(clock):
    shown, _ = terminal()
    with shown.stage("encoding", 1e6, "images") as stage:
        for speed in (100, 10):
            for _ in range(120):
                clock.now += 0.5
                stage.advance(speed / 2)
        assert " 10 images/s" in drawn(shown)[0]


def test_units_of_bytes_and_seconds_read_as_such(clock):
    shown, _ = terminal()
    with shown.stage("fetch", 12_000_000, "B") as fetch, shown.stage("training", 90, "s") as train:
        fetch.advance(0)
        clock.now += 2
        fetch.advance(3_000_000)
        train.advance(30)
        first, second = drawn(shown)
    assert re.search(r"25%  3 MB / 12 MB  1.5 MB/s  6 s left$", first)
    assert re.search(r"33% +30/90 s +1 min 00 s left$", second)


def test_an_unknown_total_shows_the_count_alone(clock):
    shown, _ = terminal()
    with shown.stage("reading", None, "files") as stage:
        stage.advance(7)
        (line,) = drawn(shown)
    assert line.endswith("7 files")
    assert "%" not in line


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_bars_never_wrap(clock, width):
    shown, _ = terminal(width)
    with shown.stage("training", 1e7, "images") as a, shown.stage("drawing", 5, "pictures") as b:
        for stage in (a, b):
            stage.advance(1, loss=0.123456, another_long_name_of_a_field=1.5, third="x" * 50)
            clock.now += 1
            stage.advance(1)
        lines = drawn(shown, width)
    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    assert width < 40 or "40%" in lines[1]


def test_each_finished_stage_leaves_one_line_and_a_failed_one_says_so(clock):
    shown, console = terminal()
    with shown.stage("encoding", 70_000, "images") as stage:
        stage.advance(0)
        clock.now += 2
        stage.advance(70_000, error=0.5)
    with pytest.raises(KeyboardInterrupt), shown.stage("training", 90, "s") as stage:
        stage.advance(30)
        clock.now += 75
        raise KeyboardInterrupt
    lines = final_lines(console)
    assert "✓ encoding  70,000 images in 2.0 s  35,000 images/s  error 0.500" in lines
    assert "✗ training  stopped at 30/90 s after 1 min 15 s" in lines
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h")
    assert drawn(shown) == []


def test_notes_stand_as_they_are_given():
    shown, console = terminal()
    with shown.stage("training", 10):
        shown.note("checked [bold]bfloat16[/bold] in /tmp/a[1].png")
    shown.note("done")
    lines = final_lines(console)
    assert "checked [bold]bfloat16[/bold] in /tmp/a[1].png" in lines
    assert "done" in lines


def test_a_terminal_without_unicode_gets_plain_marks():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    shown = TerminalProgress(Console(file=file, force_terminal=True, width=60))
    with shown.stage("training", 10) as stage:
        stage.advance(10)
    file.flush()
    assert b"* training" in re.sub(rb"\x1b\[[0-9;]*m", b"", file.buffer.getvalue())


def test_advancing_from_many_threads_loses_nothing():
    shown, _ = terminal()
    with shown.stage("reading", 40_000) as stage:
        threads = [
            threading.Thread(target=lambda: [stage.advance(1, left=i) for i in range(10_000)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert "40,000/40,000" in drawn(shown)[0]


def test_stages_overlap_in_any_order():
    shown, console = terminal()
    one, two = shown.stage("one", 2), shown.stage("two", 2)
    one.__enter__()
    two.__enter__()
    assert len(drawn(shown)) == 2
    one.__exit__(None, None, None)
    assert len(drawn(shown)) == 1
    two.__exit__(None, None, None)
    with shown.stage("three", 2):
        assert len(drawn(shown)) == 1
    marked = [line[2:5] for line in final_lines(console) if line.startswith("✓")]
    assert marked == ["one", "two", "thr"]


# --- lines in a log ----------------------------------------------------------------------


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(clock):
    log = io.StringIO()
    with PlainProgress(log, seconds=5).stage("training", 1000, "images") as stage:
        stage.advance(0)
        for _ in range(100):
            clock.now += 0.12
            stage.advance(10, loss=0.25)
    assert log.getvalue().splitlines() == [
        "training: 42% (420/1,000 images), 83 images/s, 7 s left, loss 0.250",
        "training: 84% (840/1,000 images), 83 images/s, 2 s left, loss 0.250",
        "training: 1,000 images in 12 s, 83 images/s, loss 0.250",
    ]


def test_a_stage_that_fails_says_so_in_the_log(clock):
    log = io.StringIO()
    plain = PlainProgress(log)
    with pytest.raises(ValueError, match="x"), plain.stage("reading"):
        raise ValueError("x")
    plain.note("that was it")
    assert log.getvalue().splitlines() == ["reading: stopped after 0.0 s", "that was it"]


def test_a_closed_log_does_not_end_the_work():
    log = io.StringIO()
    log.close()
    with PlainProgress(log).stage("reading", 2) as stage:
        stage.advance(2)
    assert stage.done == 2


# --- which one ---------------------------------------------------------------------------


def test_the_place_decides_between_bars_lines_and_silence(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(default_progress(), TerminalProgress)
    assert isinstance(default_progress(quiet=True), NoProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(default_progress(), PlainProgress)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(default_progress(), PlainProgress)
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(default_progress(), NoProgress)


def environment():
    return os.environ | {"PYTHONPATH": str(Path(latlas.__file__).parents[1]), "TERM": "xterm"}


def test_a_quiet_run_loads_no_rich_and_stdout_stays_free():
    code = """
        import sys
        from latlas.progress import default_progress
        for quiet in (True, False):
            shown = default_progress(quiet)
            with shown.stage("reading", 3) as stage:
                stage.advance(3)
            shown.note("hello")
        print("rich" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, env=environment(), check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "False\n"
    assert done.stderr.splitlines() == ["reading: 3 in 0.0 s", "hello"]


def test_ctrl_c_leaves_a_clean_terminal():
    code = """
        import time
        from latlas.progress import default_progress
        try:
            with default_progress().stage("training", 100, "images") as stage:
                for _ in range(1000):
                    stage.advance(1)
                    time.sleep(0.05)
        except KeyboardInterrupt:
            print("bye")
    """
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE, stderr=theirs, env=environment(),
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while b"images" not in seen:
        seen += os.read(ours, 4096)
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[0] == b"bye\n"
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(ours)
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")  # the cursor shows again
    assert b"stopped at" in seen[seen.rindex(b"\x1b[?25h") :]

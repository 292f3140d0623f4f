"""Runs contenders in turn as whole processes and writes down what they took.

Each file beside this one is a `Bench`: contenders (the first is latlas), each a whole process,
and goals judged on their medians. `A B A B ...`: the contenders take turns, so that a machine
that slows down slows all of them. Every run gets an empty folder as its working directory and
cache. A contender ends its output with one JSON object of figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

import machine

RESULTS = Path(__file__).parent / "results"
SAMPLE_SECONDS = 0.05
Figures = dict[str, Any]
Medians = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes:
        name: its name in the table.
        command: the process to run; it prints a JSON object of figures as its last line.
        after: further figures, taken untimed from the folder that the process worked in.
        once: run it in the first round only (a reference that is known not to vary, or too slow).
    """

    name: str
    command: Sequence[str]
    after: Callable[[Path, Figures], Figures] | None = None
    once: bool = False


@dataclass(frozen=True)
class Goal:
    """What a number must reach; `must` and `aim` are None where nothing is asked."""

    name: str
    value: float
    must: float | None = None
    aim: float | None = None
    least: bool = True

    @property
    def verdict(self) -> str:
        def reached(bound: float) -> bool:
            return self.value >= bound if self.least else self.value <= bound

        if self.aim is not None and reached(self.aim):
            return "aim reached"
        if self.must is not None:
            return "reached" if reached(self.must) else "NOT reached"
        return "" if self.aim is None else "aim not reached"


@dataclass(frozen=True)
class Bench:
    """One row of the table "How fast, how lean".

    Attributes:
        name: name of the result files.
        what: what is compared, in a sentence.
        plan: options -> the contenders.
        judge: medians by contender and options -> the goals.
        functions: work that a contender does in a process of its own, by name.
        arguments: adds the row's own options to the command line.
    """

    name: str
    what: str
    plan: Callable[[argparse.Namespace], list[Contender]]
    judge: Callable[[Medians, argparse.Namespace], list[Goal]]
    functions: Mapping[str, Callable[..., Figures]] = field(default_factory=dict)
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None


def child(file: str, function: str, **arguments: Any) -> list[str]:
    """The command that runs one of a bench's `functions` in a process of its own."""
    return [sys.executable, str(Path(file).resolve()), "--child", function, json.dumps(arguments)]


def tree_memory(process: psutil.Process) -> int:
    """Resident bytes of a process and all its descendants; pages that they share count twice."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += member.memory_info().rss
    return total


def run_once(contender: Contender) -> Figures:
    """Runs a contender; returns its own figures with wall_s, cpu_s and peak_mb.

    wall_s is the whole process from start to end; cpu_s is user + system time of it and its
    children; peak_mb is the greatest sum of resident memory seen, sampled 20 times a second.
    """
    with tempfile.TemporaryDirectory(prefix="latlas-bench-") as name:
        folder = Path(name)
        own = {"LATLAS_CACHE": str(folder / "cache"), "MPLBACKEND": "Agg"}
        if data := os.environ.get("LATLAS_DATA"):
            own["LATLAS_DATA"] = str(Path(data).resolve())
        out, err = folder / "stdout.txt", folder / "stderr.txt"
        began = time.perf_counter()
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                contender.command, cwd=folder, env=os.environ | own, stdout=stdout, stderr=stderr
            )
            watched, peak, ended = psutil.Process(process.pid), 0, 0
            while not ended:
                with contextlib.suppress(psutil.Error):
                    peak = max(peak, tree_memory(watched))
                time.sleep(SAMPLE_SECONDS)
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said = (out.read_text() + err.read_text())[-3000:]
            raise SystemExit(f"{contender.name} ended with {process.returncode}:\n{said}")
        figures = {
            "wall_s": wall,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            # Not ru_maxrss: a child's begins with the peak of this process.
            "peak_mb": peak / 1e6,
        }
        said = out.read_text().strip().splitlines()
        figures |= json.loads(said[-1]) if said and said[-1].startswith("{") else {}
        return figures | (contender.after(folder, figures) if contender.after else {})


def run_all(contenders: Sequence[Contender], runs: int) -> list[Figures]:
    """Runs the contenders in turn, `runs` times; returns one row for each process."""
    rows = []
    for index in range(runs):
        for contender in contenders:
            if index and contender.once:
                continue
            speed = machine.calibrate()
            figures = run_once(contender)
            rows.append(
                {"contender": contender.name, "round": index + 1, "calibration": speed} | figures
            )
            shown = "  ".join(f"{k} {v:,.4g}" for k, v in numbers(figures).items())
            say(f"  {index + 1}/{runs} {contender.name}: {shown}")
    return rows


def numbers(figures: Figures) -> dict[str, float]:
    """Those figures that are numbers."""
    return {k: v for k, v in figures.items() if isinstance(v, int | float) and k != "round"}


def medians(rows: Sequence[Figures]) -> dict[str, dict[str, float]]:
    """Median of every figure, by contender."""
    result: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(row["contender"] for row in rows):
        own = [numbers(row) for row in rows if row["contender"] == name]
        keys = dict.fromkeys(key for row in own for key in row)
        result[name] = {k: statistics.median(row[k] for row in own if k in row) for k in keys}
    return result


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up."""
    cells = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def show(value: float | None) -> str:
    """A number with four digits that count, or a dash."""
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def report(record: Figures) -> str:
    """The whole result as Markdown."""
    middle, where = record["medians"], record["machine"]
    columns = list(dict.fromkeys(key for row in middle.values() for key in row))
    measured = table(
        ["contender", *columns],
        [[name, *(show(row.get(key)) for key in columns)] for name, row in middle.items()],
    )
    goals = table(
        ["goal", "measured", "must", "aim", "verdict"],
        [
            [g["name"], show(g["value"]), show(g["must"]), show(g["aim"]), g["verdict"]]
            for g in record["goals"]
        ],
    )
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    notes = [
        f"{record['what']} Medians of {record['runs']} whole processes each, in turn.",
        f"{where['processor']}, {where['cores']} cores ({', '.join(where['instructions'])}), "
        f"{where['memory_gb']} GB, {where['system']}, Python {where['python']}, {versions}; "
        f"commit {where['commit']}; threads {where['threads']}; options {record['options']}.",
    ]
    if record["warnings"]:
        notes.append("**Warning:** " + "; ".join(record["warnings"]))
    title = f"# {record['name']}, {record['date']}"
    return "\n\n".join([title, *notes, measured, goals]) + "\n"


def warnings_of(rows: Sequence[Figures], options: argparse.Namespace, busy: str) -> list[str]:
    """What a reader must know before trusting the figures."""
    found = [f"the machine was busy: {busy}"] if busy else []
    if options.quick:
        found.append("a quick run on little data, not the full row")
    speeds = [row["calibration"]["seconds"] for row in rows]
    if max(speeds) > 1.15 * min(speeds):
        percent = 100 * (max(speeds) / min(speeds) - 1)
        found.append(f"the machine's own speed varied by {percent:.0f}% between runs")
    return found


def measure(bench: Bench, options: argparse.Namespace) -> list[Goal]:
    """Runs one bench, prints its tables and writes them to `results/`."""
    busy = machine.wait_until_quiet(0 if options.busy_ok else 60)
    if busy and not options.busy_ok:
        raise SystemExit(
            f"{bench.name}: this machine is too busy to measure: {busy}. Stop other work, or give "
            "--busy-ok and do not quote the figures."
        )
    say(f"{bench.name}: {bench.what}")
    rows = run_all(bench.plan(options), options.runs)
    middle = medians(rows)
    goals = bench.judge(middle, options)
    record = {
        "name": bench.name,
        "what": bench.what,
        "date": datetime.now(UTC).date().isoformat(),
        "runs": options.runs,
        "options": {
            key: value for key, value in vars(options).items() if key not in {"child", "runs"}
        },
        "warnings": warnings_of(rows, options, busy),
        "machine": machine.describe(),
        "medians": middle,
        "goals": [asdict(goal) | {"verdict": goal.verdict} for goal in goals],
        "rows": rows,
    }
    text = report(record)
    say("\n" + text)
    if not options.no_write:
        RESULTS.mkdir(exist_ok=True)
        stem = f"{record['date']}-{bench.name}{'-quick' if options.quick else ''}"
        (RESULTS / f"{stem}.json").write_text(json.dumps(record, indent=1, default=str) + "\n")
        (RESULTS / f"{stem}.md").write_text(text)
        say(f"written: benchmarks/results/{stem}.md and .json")
    return goals


def say(text: str) -> None:
    """Prints at once."""
    print(text, flush=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that every bench has."""
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are taken (3)")
    parser.add_argument("--quick", action="store_true", help="little data: does it work at all?")
    parser.add_argument(
        "--busy-ok", action="store_true", help="measure although the machine is busy"
    )
    parser.add_argument("--no-write", action="store_true", help="print only")


def main(bench: Bench) -> None:
    """The command line of one bench; also runs the work of a contender's own process."""
    if sys.argv[1:2] == ["--child"]:
        figures = bench.functions[sys.argv[2]](**json.loads(sys.argv[3]))
        say("\n" + json.dumps(figures))
        return
    parser = argparse.ArgumentParser(description=bench.what)
    add_options(parser)
    bench.arguments(parser)
    measure(bench, parser.parse_args())

"""`latlas fit mnist` with all that it does by default: wall time, quality and memory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness import Bench, Contender, Figures, Goal, Medians, main

LATLAS = str(Path(sys.executable).parent / "latlas")


def fit_command(source: str, *options: str) -> list[str]:
    """The command that a user types, with one JSON object as its output."""
    return [LATLAS, "fit", source, "-o", "space.latlas", "--json", "--quiet", *options]


def scores(folder: Path, figures: Figures) -> Figures:
    """The scores of the space as figures of their own."""
    return {score["name"]: score["value"] for score in figures["scores"]}


def plan(options: argparse.Namespace) -> list[Contender]:
    source = "digits" if options.quick else "mnist"
    return [Contender("latlas fit", fit_command(source, *options.fit), after=scores)]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    ours = medians["latlas fit"]
    return [
        Goal("wall time, s", ours["wall_s"], 150, 60, least=False),
        Goal("peak memory, MB", ours["peak_mb"], 1200, 800, least=False),
        Goal("held-out MSE", ours["reconstruction_mse"], 0.0075, least=False),
        Goal("kNN accuracy", ours["knn_accuracy"], 0.975),
    ]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fit", nargs=argparse.REMAINDER, default=[], help="options of latlas fit")


BENCH = Bench("fit-mnist", "`latlas fit mnist`, from a cold cache.", plan, judge, {}, arguments)

if __name__ == "__main__":
    main(BENCH)

"""What commands print: for a person as lines, for a program as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from latlas.contracts import NoProgress, OptionError, Progress, Score
from latlas.progress import default_progress
from latlas.report import meaning, shown

__all__ = [
    "image_or_id",
    "parse_duration",
    "progress_for",
    "say_facts",
    "say_score",
    "say_scores",
    "say_settings",
    "say_work",
    "show",
]


_BEGAN = time.perf_counter()


def progress_for(quiet: bool) -> Progress:
    """Where a command reports: nowhere when quiet, else to stderr."""
    return NoProgress() if quiet else default_progress()


def show(result: dict[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Prints a result: for a program as JSON, for a person as lines."""
    text = json.dumps(result, ensure_ascii=False) if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")


def parse_duration(text: str) -> float:
    """Seconds from ``90``, ``90s``, ``5m``, ``1.5h``.

    Raises:
        OptionError: no duration can be read.
    """
    factors = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in factors else (text, "s")
    try:
        seconds = float(number) * factors[unit]
    except ValueError as error:
        raise OptionError(f"time is {text!r}; write for instance 90s, 5m or 1.5h.") from error
    if not 0 < seconds < float("inf"):
        raise OptionError(f"time is {text!r}; it must be above 0.")
    return seconds


def image_or_id(text: str) -> int | str:
    """An id where the text is a number, else the path of an image or a label."""
    return int(text) if text.isdecimal() else text


def say_facts(facts: dict[str, Any]) -> list[str]:
    """What ``info`` prints."""
    height, width, channels = facts["shape"]
    training, model = facts["training"], facts["model"]
    lines = [
        f"space      {facts['folder']}",
        f"made       {facts['created']}  by latlas {facts['made_by'].get('latlas', '?')}",
        f"images     {facts['images']:,} of {height}x{width}x{channels}"
        f"  ({facts['splits']['train']:,} train, {facts['splits']['test']:,} test)",
        *(f"source     {s['uri']}  ({s['images']:,} images)" for s in facts["sources"]),
        f"classes    {', '.join(facts['classes'][:12]) or 'none'}"
        + (f", ... ({len(facts['classes'])})" if len(facts["classes"]) > 12 else ""),
        f"model      {model['name'] if model else 'none'}, D = {facts['latent_dim']}"
        + (f", scope {facts['config']['scope']}" if "scope" in facts["config"] else ""),
    ]
    if "seconds" in training:
        lines.append(
            f"trained    {training['epochs']:.0f} epochs in {training['seconds']:.0f} s on "
            f"{training['device']}, {training['precision']}, threads: {training['threads']}"
        )
    for name, part in facts["maps"].items():
        said = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in part["scores"].items())
        lines.append(f"map        {name}  {said}")
    for name, part in facts.get("priors", {}).items():
        density = part["scores"].get("held_out_log_density")
        said = "" if density is None else f"  held-out log density {density:.2f} nats"
        lines.append(f"prior      {name}{said}")
    for name, part in facts.get("classifiers", {}).items():
        accuracy = part["scores"].get("accuracy")
        said = "" if accuracy is None else f"  {accuracy:.2%} of the held-out images right"
        lines.append(f"classifier {name}{said}")
    lines += [f"score      {s['name'].replace('_', ' ')} {s['value']:.4f}" for s in facts["scores"]]
    skipped = sum(source["skipped"] for source in facts["sources"])
    lines += [f"skipped    {skipped} files, listed in skipped.json"] if skipped else []
    lines.append(f"on disk    {facts['bytes'] / 1e6:,.1f} MB")
    return lines


def say_score(score: Score) -> str:
    """A score with the images that it was taken on."""
    split = score.detail.get("split")
    on = {"test": " (on the test images)", "train": " (on the training images)"}.get(str(split), "")
    return f"{score.name.replace('_', ' ')}: {score.value:.4f}{on}"


def say_scores(scores: Sequence[Score]) -> list[str]:
    """Scores as a table: value, interval, floor, baselines; the scores of single classes apart."""
    header = ["", "value", "95% interval", "floor", "baselines"]
    rows = [_score_row(score) for score in scores]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(4)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row[:4], widths, strict=True))
        )
        + f"  {row[4]}".rstrip()
        for row in [header, *rows]
    ]


def _score_row(score: Score) -> list[str]:
    known = meaning(score.name)

    def say(value: float | None) -> str:
        if value is None:
            return ""
        return f"{value:.4g}" if known is None else shown(value, known)

    rivals: dict[str, float] = score.detail.get("baselines", {})
    ends = "" if score.interval is None else f"{say(score.interval[0])} to {say(score.interval[1])}"
    return [
        score.name.replace("_", " "),
        say(score.value),
        ends,
        say(score.floor),
        ", ".join(f"{name} {say(value)}" for name, value in rivals.items()),
    ]


def say_work(space: Any) -> list[str]:
    """What ``-v`` adds to a command on a space: what it worked with, and how long it took."""
    model = space.manifest.model.name if space.manifest.model else "none"
    seconds = time.perf_counter() - _BEGAN
    return [
        f"  space = {space.folder}, {len(space):,} images",
        f"  model = {model}, D = {space.latent_dim}",
        f"  seconds = {seconds:.1f}",
    ]


def say_settings(facts: dict[str, Any]) -> list[str]:
    """What ``-v`` adds: every setting and version."""
    said = {**facts["config"], **facts["made_by"]}
    return ["settings:", *(f"  {name} = {value}" for name, value in said.items())]

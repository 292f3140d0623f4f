"""The commands that judge: classify, find, measure, compare, report.

As in ``commands``, no PyTorch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import latlas
from latlas.cli.commands import app
from latlas.cli.options import (
    METHOD_NAMES,
    PRIOR_NAMES,
    Debug,
    Device,
    Json,
    Quiet,
    SpaceFolder,
    Verbose,
    complete,
)
from latlas.cli.words import parse_duration, progress_for, say_scores, say_work, show
from latlas.contracts import OptionError

__all__ = ["classify", "compare", "find", "measure", "report"]

SHOWN = 20


@app.command()
def classify(
    space: SpaceFolder,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGES]...",
            help="Image files, or one source of images. [default: judge the held-out images]",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            "-m",
            help="linear, knn, bayes, spread, or own (per-class and conditional spaces: the "
            "class that explains an image best). [default: knn, or own]",
            autocompletion=complete(METHOD_NAMES),
        ),
    ] = None,
    labels_per_class: Annotated[
        int | None,
        typer.Option(help="Learn from only so many labels of each class, drawn at random."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write path, label, probability, novel (.csv)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the fit and of the draw of labels.")] = 0,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fit the classifier again although it is there.")
    ] = False,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Tell which class images show, how surely, and which are like nothing known.

    Without images, the classifier is judged on the held-out ones, and pictures are drawn.

    Example:  latlas classify mnist.latlas photo.png scan.png
    """
    progress = progress_for(quiet)
    opened = latlas.open(space, device or "auto")
    asked = opened.classifier(
        method, labels_per_class=labels_per_class, seed=seed, refresh=refresh, progress=progress
    )
    if images:
        answers = latlas.classify_files(asked, images, progress=progress)
        written = None if output is None else str(answers.write(output))
        rows = answers.rows()
        lines = [_answer_line(row) for row in rows[: None if written is None else SHOWN]]
        lines = [f"{'label':<16} {'probability':>11}  {'novel':<5}  path", *lines]
        if written and len(rows) > SHOWN:
            lines.append(f"... {len(rows) - SHOWN:,} more")
        lines += [f"answers: {written}"] if written else []
        result: dict[str, Any] = {"space": str(space), "method": asked.method}
        result |= {"answers": rows, "output": written}
    else:
        found, lines = _judged(asked, output, keep=labels_per_class is None)
        result = {"space": str(space)} | found
    show(result, lines + (say_work(opened) if verbose else []), as_json)


def _answer_line(row: dict[str, Any]) -> str:
    novel = "yes" if row["novel"] else ""
    return f"{row['label']:<16} {row['probability']:>11.4f}  {novel:<5}  {row['path']}"


def _judged(asked: Any, output: Path | None, keep: bool) -> tuple[dict[str, Any], list[str]]:
    if output is not None:
        raise OptionError("--output is for the answers about images; name the images.")
    judged = asked.judge()
    if judged is None:
        raise OptionError(
            "the space holds no labelled test images to judge the classifier on. Name images to "
            "classify."
        )
    folder = asked.space.folder / "pictures"
    paths = [str(p) for p in latlas.draw_proofs(asked, judged, folder)] if keep else []
    result = {
        "method": asked.method,
        "images": len(judged.rows),
        "accuracy": judged.accuracy,
        "calibration_error": judged.calibration,
        "pictures": paths,
    }
    lines = [
        f"classifier {asked.method}: {judged.accuracy:.2%} of {len(judged.rows):,} held-out images "
        f"right, calibration error {judged.calibration:.2%}"
    ]
    lines += ["pictures:", *(f"  {path}" for path in paths)] if paths else []
    return result, lines


@app.command()
def find(
    space: SpaceFolder,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Pairs of images that are nearly the same.")
    ] = False,
    outliers: Annotated[
        bool, typer.Option("--outliers", help="Images that are like no others.")
    ] = False,
    mislabelled: Annotated[
        bool, typer.Option("--mislabelled", help="Images whose label others doubt.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The ranked table. [default: SPACE/find-KIND.csv]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find what may be wrong with the images: copies, strangers, doubtful labels.

    Example:  latlas find mnist.latlas --mislabelled -o suspects.csv
    """
    asked = {"duplicates": duplicates, "outliers": outliers, "mislabelled": mislabelled}
    kinds = [kind for kind, wanted in asked.items() if wanted]
    if len(kinds) != 1:
        raise OptionError("choose one of --duplicates, --outliers and --mislabelled.")
    opened = latlas.open(space)
    found = opened.find(kinds[0], seed=seed, progress=progress_for(quiet))
    written = found.write(output or opened.folder / f"find-{kinds[0]}.csv")
    picture = None
    if len(found):
        picture = str(found.plot(opened.folder / "pictures" / f"find-{kinds[0]}.png"))
    rows = found.rows(SHOWN // 2)
    result = {
        "space": str(space),
        "kind": kinds[0],
        "found": len(found),
        "first": rows,
        "output": str(written),
        "picture": picture,
    }
    lines = [" ".join(f"{name} {value}" for name, value in row.items()) for row in rows]
    lines += [f"{len(found):,} in the ranking: {written}"]
    lines += [f"picture: {picture}"] if picture else []
    show(result, lines + (say_work(opened) if verbose else []), as_json)


@app.command()
def measure(
    space: SpaceFolder,
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--part", help="Only reconstruction, structure, generation or classification."
        ),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            "--prior",
            "-p",
            help="Judge samples of this prior; may be given several times. [default: gmm and "
            "those that are fitted]",
            autocompletion=complete(PRIOR_NAMES),
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(help="TorchScript file of Inception-v3: also measure FID with it."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Take every score of a space, each beside its floor and its baselines, and keep them.

    Example:  latlas measure mnist.latlas --part generation --prior flow
    """
    opened = latlas.open(space, device or "auto")
    options = {"parts": tuple(part)} if part else {}
    scores = opened.measure(
        **options,
        priors=prior or None,
        inception=inception,
        seed=seed,
        progress=progress_for(quiet),
    )
    result = {"space": str(space), "scores": [vars(score) for score in scores]}
    lines = say_scores(scores) + (say_work(opened) if verbose else [])
    show(result, lines, as_json)


@app.command()
def report(
    space: SpaceFolder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page. [default: SPACE/report.html]")
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write one HTML page with every picture and score, and what each of them means.

    Example:  latlas report mnist.latlas -o mnist.html
    """
    opened = latlas.open(space)
    written = opened.report(output or opened.folder / "report.html")
    result = {"space": str(space), "output": str(written), "bytes": written.stat().st_size}
    lines = [f"report: {written} ({written.stat().st_size / 1e6:.1f} MB)"]
    show(result, lines + (say_work(opened) if verbose else []), as_json)


@app.command()
def compare(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Images, as for fit.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the results. [default: SOURCE.compare]"),
    ] = None,
    scopes: Annotated[
        str | None,
        typer.Option(help="Of global, per-class, conditional. [default: all three]"),
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="For instance ae,rae,vae. [default: rae]")
    ] = None,
    latent_dims: Annotated[
        str | None, typer.Option(help="For instance 2,8,16. [default: 16]")
    ] = None,
    priors: Annotated[
        str | None, typer.Option(help="For instance gaussian,gmm,flow. [default: gmm]")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How often each candidate is trained.")] = 3,
    sizes: Annotated[
        str | None,
        typer.Option(help="Images per class to try, or none. [default: 30,100,300,1000]"),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Resize images to this many pixels square.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the images. [default: by their number]")
    ] = None,
    max_time: Annotated[
        str | None, typer.Option(help="Stop each training after this time, for instance 60s.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """One space or one per class? Train at equal budget, measure, and answer in words.

    Example:  latlas compare mnist --scopes global,per-class,conditional
    """
    lists = {"scopes": scopes, "models": models, "priors": priors}
    options: dict[str, Any] = {name: _names(text) for name, text in lists.items() if text}
    if latent_dims:
        options["latent_dims"] = _numbers("latent_dims", latent_dims)
    if sizes is not None:
        options["sizes"] = () if sizes == "none" else _numbers("sizes", sizes)
    if models and not scopes:
        options["scopes"] = ("global",)
    given = {
        "image_size": image_size,
        "epochs": epochs,
        "max_seconds": None if max_time is None else parse_duration(max_time),
        "threads": threads,
        "device": device,
    }
    options |= {name: value for name, value in given.items() if value is not None}
    found = latlas.compare(source, output, seeds=seeds, progress=progress_for(quiet), **options)
    lines = [*found.table(), "", *found.answers, ""]
    if found.judge_accuracy is not None:
        lines += [f"judge: {found.judge_accuracy:.2%} of held-out images"]
    lines += [f"table and spaces: {found.folder}"]
    lines += ["pictures:", *(f"  {path}" for path in found.pictures)]
    pictures = [str(path) for path in found.pictures]
    show(found.as_json() | {"folder": str(found.folder), "pictures": pictures}, lines, as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(option: str, text: str) -> Sequence[int]:
    try:
        return tuple(int(name) for name in _names(text))
    except ValueError as error:
        raise OptionError(
            f"{option.replace('_', '-')} is {text!r}; write whole numbers, such as 2,8,16."
        ) from error

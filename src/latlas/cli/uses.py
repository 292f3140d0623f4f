"""The commands that put a space to use: new images, walks, neighbours.

As in ``commands``, no PyTorch here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import latlas
from latlas.cli.commands import app
from latlas.cli.options import (
    PRIOR_NAMES,
    Debug,
    Device,
    Json,
    Quiet,
    SpaceFolder,
    Verbose,
    complete,
)
from latlas.cli.words import image_or_id, progress_for, say_work, show
from latlas.contracts import OptionError

__all__ = ["neighbours", "sample", "walk"]


@app.command()
def sample(
    space: SpaceFolder,
    n: Annotated[int, typer.Option("-n", "--number", help="How many images.")] = 64,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", help="Only of this class; may be given several times."),
    ] = None,
    each_label: Annotated[
        bool, typer.Option("--each-label", help="Share the images out over all classes.")
    ] = False,
    prior: Annotated[
        str | None,
        typer.Option(
            "--prior",
            "-p",
            help="normal, gaussian, gmm, flow or nsf; fitted on first use and kept. [default: gmm]",
            autocompletion=complete(PRIOR_NAMES),
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", "-t", help="Below 1: more usual images, less varied."),
    ] = 1.0,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A .png, .svg or .pdf, or a folder for PNGs and samples.csv."
        ),
    ] = Path("samples.png"),
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fit the prior again although it is there.")
    ] = False,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make new images: draw latent vectors from a prior and decode them.

    Example:  latlas sample mnist.latlas -n 100 --each-label -o samples.png
    """
    if label and each_label:
        raise OptionError("give --label or --each-label, not both.")
    opened = latlas.open(space, device or "auto")
    if each_label and not opened.classes:
        raise OptionError("--each-label is asked for, but this space has no labels.")
    progress = progress_for(quiet)
    fitted = opened.prior(prior, seed=seed, refresh=refresh, progress=progress)
    drawn = opened.sample(
        n,
        list(opened.classes) if each_label else label or None,
        prior=fitted.name,
        temperature=temperature,
        seed=seed,
        progress=progress,
    )
    written = drawn.write(output)
    result = {
        "space": str(space),
        "images": len(drawn),
        "prior": drawn.prior,
        "labels": sorted(set(drawn.labels) - {""}),
        "mean_log_density": float(drawn.log_density.mean()),
        "mean_nearest_distance": float(drawn.nearest_distances.mean()),
        "output": str(written),
    }
    lines = [
        f"{len(drawn):,} samples from the prior {drawn.prior}, "
        f"mean log density {drawn.log_density.mean():.2f} nats",
        f"images: {written}",
    ]
    lines += say_work(opened) if verbose else []
    show(result, lines, as_json)


@app.command()
def walk(
    space: SpaceFolder,
    start: Annotated[
        str, typer.Argument(metavar="A", help="An id, an image file, or a label (label:NAME).")
    ],
    end: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The same; left out with --towards.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A strip (.png, .svg, .pdf) or a film (.gif).")
    ] = Path("walk.png"),
    steps: Annotated[int, typer.Option(help="Number of images, both ends included.")] = 10,
    path: Annotated[
        str,
        typer.Option(help="linear, spherical, or graph: along images that are there."),
    ] = "linear",
    towards: Annotated[
        str | None, typer.Option(help="Leave A in the direction of this class instead.")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="With --towards: 1 is the way between the classes' means.")
    ] = 1.0,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Walk from one image to another, or towards a class, through the latent space.

    Example:  latlas walk mnist.latlas 0 4 -o walk.gif --steps 24
    """
    opened = latlas.open(space)
    way = opened.walk(
        image_or_id(start),
        None if end is None else image_or_id(end),
        steps=steps,
        path=path,
        towards=towards,
        strength=strength,
    )
    written = way.plot(output)
    result = {"space": str(space), "steps": steps, "path": path, "output": str(written)}
    ends = [_said(opened, text) for text in (start, end) if text is not None]
    ends += [f"towards {towards}"] if towards else []
    lines = [f"walk of {steps} steps from {' to '.join(ends)}: {written}"]
    show(result, lines + (say_work(opened) if verbose else []), as_json)


def _said(opened: Any, text: str) -> str:
    """An end of a walk, so that an id is not taken for a label."""
    if not text.isdecimal():
        return text
    rows = (opened.latents.ids == int(text)).nonzero()[0]
    label = opened.label(int(opened.latents.labels[rows[0]]))
    return f"image {text}" + (f" (a {label})" if label else "")


@app.command()
def neighbours(
    space: SpaceFolder,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="An id, an image file, or a label (label:NAME).")
    ],
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also draw them (.png, .svg, .pdf).")
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find the images nearest to one in the latent space.

    Example:  latlas neighbours mnist.latlas photo.png -k 8 -o near.png
    """
    opened = latlas.open(space)
    found = opened.neighbours(image_or_id(image), k)
    written = None if output is None else str(found.plot(output))
    rows = [
        {"id": int(i), "distance": round(float(d), 6), "label": label, "uri": uri}
        for i, d, label, uri in zip(
            found.ids, found.distances, found.labels, found.uris, strict=True
        )
    ]
    lines = [f"{r['id']:>9}  {r['distance']:8.4f}  {r['label']:<12}  {r['uri']}" for r in rows]
    lines = [f"{'id':>9}  {'distance':>8}  {'label':<12}  uri", *lines]
    if len(rows) < k:
        lines += [f"that is all: the space has {len(opened):,} images"]
    lines += [f"picture: {written}"] if written else []
    lines += say_work(opened) if verbose else []
    show({"space": str(space), "neighbours": rows, "output": written}, lines, as_json)

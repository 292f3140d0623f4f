"""The commands that put a space to use: new images from it. As in ``commands``, no PyTorch here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from latlas.cli.words import progress_for, say_work, show
from latlas.contracts import OptionError

__all__ = ["sample"]


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
            help="normal, gaussian or gmm; fitted on first use and kept. [default: gmm]",
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

"""The commands: each is a verb of the space.

Nothing here imports PyTorch: the work is reached through the names of the ``latlas`` package,
which load on first use, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import latlas
from latlas.cli.options import (
    MAP_NAMES,
    MODEL_NAMES,
    SCOPE_NAMES,
    Debug,
    Device,
    Json,
    Quiet,
    SpaceFolder,
    Verbose,
    complete,
)
from latlas.cli.words import (
    parse_duration,
    progress_for,
    say_facts,
    say_score,
    say_settings,
    say_work,
    show,
)
from latlas.contracts import OptionError

__all__ = [
    "app",
    "decode",
    "encode",
    "fit",
    "info",
    "latlas_command",
    "map_command",
]

app = typer.Typer(
    name="latlas",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"latlas {latlas.__version__}")
        raise typer.Exit


@app.callback()
def latlas_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Turn an image dataset into a latent space that you can see and walk.

    Begin with:  latlas fit digits -o digits.latlas
    """


@app.command()
def fit(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="digits, mnist, fashion-mnist, cifar10; a folder or .zip of images (sub-folders "
            "are labels); a folder of IDX files; an .npz, .npy or .parquet file.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the space. [default: SOURCE.latlas]"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="rae (regularised autoencoder, the default), ae, vae, wae or pca.",
            autocompletion=complete(MODEL_NAMES),
        ),
    ] = None,
    latent_dim: Annotated[
        int | None,
        typer.Option("--latent-dim", "-d", help="Length of a latent vector. [default: 16]"),
    ] = None,
    width: Annotated[
        float | None, typer.Option(help="Size of the net; 2 doubles every layer. [default: 1]")
    ] = None,
    net: Annotated[
        str | None, typer.Option(help="dense or conv. [default: by image size and device]")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Weight of the model's own term: L2, KL or MMD.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help="global: one model for all images; per-class: one for each label; conditional: "
            "one that is told the label. [default: global]",
            autocompletion=complete(SCOPE_NAMES),
        ),
    ] = None,
    label_weight: Annotated[
        float | None,
        typer.Option(help="Pull classes apart while training, with this weight. [default: 0]"),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Resize images to this many pixels square.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="1 for grey, 3 for colour.")] = None,
    resize: Annotated[
        str | None, typer.Option(help="crop the centre, or pad. [default: crop]")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Labels file with lines: path,label.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Use only this split of the source: train or test.")
    ] = None,
    strict: Annotated[
        bool | None, typer.Option("--strict", help="Stop at the first unusable file.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the images. [default: by their number]")
    ] = None,
    max_time: Annotated[
        str | None, typer.Option(help="Stop training after this time, for instance 90s or 5m.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate. [default: the model's own]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    device: Device = None,
    precision: Annotated[
        str | None, typer.Option(help="auto, float32 or bfloat16. [default: auto]")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads. [default: by timing the first steps]")
    ] = None,
    maps: Annotated[
        str | None,
        typer.Option(
            help="Maps to draw, with commas: pca, tsne, umap, opentsne. [default: pca,tsne]"
        ),
    ] = None,
    tensorboard: Annotated[
        bool | None, typer.Option("--tensorboard", help="Also write TensorBoard events.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a fit that was stopped.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a space that is there.")
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train on images, store their latent vectors, draw the maps.

    Example:  latlas fit mnist -o mnist.latlas --latent-dim 16
    """
    options: dict[str, Any] = {
        "width": width,
        "net": net,
        "beta": beta,
        "scope": scope,
        "label_weight": label_weight,
        "image_size": image_size,
        "channels": channels,
        "resize": resize,
        "labels": labels,
        "split": split,
        "strict": strict,
        "epochs": epochs,
        "max_seconds": None if max_time is None else parse_duration(max_time),
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
        "maps": None if maps is None else tuple(name.strip() for name in maps.split(",")),
        "tensorboard": tensorboard,
        "model": model,
        "latent_dim": latent_dim,
    }
    space = latlas.fit(
        source,
        output,
        resume=resume,
        overwrite=overwrite,
        progress=progress_for(quiet),
        **{name: value for name, value in options.items() if value is not None},
    )
    info = space.info()
    pictures = sorted(str(path) for path in (space.folder / "pictures").glob("*.png"))
    lines = [f"{space.folder}: {len(space):,} images, D = {space.latent_dim}"]
    lines += [f"  {say_score(score)}" for score in space.scores]
    lines += ["pictures:", *(f"  {path}" for path in pictures)] if pictures else []
    lines += say_settings(info) if verbose else []
    show(info | {"pictures": pictures}, lines, as_json)


@app.command()
def encode(
    space: SpaceFolder,
    source: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE]", help="New images. [default: those of the space]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write z, label, id, split, uri (.npz).")
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Also put the new images into the space.")
    ] = False,
    labels: Annotated[str | None, typer.Option(help="Labels file of the new images.")] = None,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Turn images into latent vectors, and add them to the space.

    Example:  latlas encode mnist.latlas more-digits/ --add -o vectors.npz
    """
    if output is None and not add:
        raise OptionError("encode would do nothing: give --output vectors.npz, --add, or both.")
    opened = latlas.open(space, device or "auto")
    rows = opened.encode_source(source, labels=labels, add=add, progress=progress_for(quiet))
    written = None if output is None else str(latlas.write_vectors(output, rows))
    result = {
        "space": str(space),
        "images": len(rows),
        "latent_dim": opened.latent_dim,
        "added": len(rows) if add else 0,
        "output": written,
    }
    lines = [f"encoded {len(rows):,} images into D = {opened.latent_dim}"]
    lines += [f"added to {space}: now {len(opened):,} images"] if add else []
    lines += [f"vectors: {written}"] if written else []
    lines += say_work(opened) if verbose else []
    show(result, lines, as_json)


@app.command()
def decode(
    space: SpaceFolder,
    vectors: Annotated[Path, typer.Argument(metavar="VECTORS", help="An .npz or .npy file.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A .png with all images, an .npz, or a folder for PNG files."
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            "-l",
            help="The class of all vectors, for a decoder that is told it. [default: the file's]",
        ),
    ] = None,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Turn latent vectors back into images.

    Example:  latlas decode mnist.latlas vectors.npz -o decoded/
    """
    opened = latlas.open(space, device or "auto")
    z = latlas.read_vectors(vectors)
    told = label if label is not None else latlas.read_told(vectors)
    images = opened.decode(z, told if opened.scope != "global" else None)
    written = latlas.write_images(output, images)
    result = {"space": str(space), "images": len(images), "output": str(written)}
    lines = [f"decoded {len(images):,} vectors: {written}"]
    show(result, lines + (say_work(opened) if verbose else []), as_json)


@app.command("map")
def map_command(
    space: SpaceFolder,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            "-m",
            help="pca, tsne, umap or opentsne. [default: the space's neighbour map]",
            autocompletion=complete(MAP_NAMES),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .png, .svg or .pdf. [default: in the space]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the layout.")] = 0,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Lay it out again although it is there.")
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw the latent space in two dimensions.

    Example:  latlas map mnist.latlas --method pca -o map.pdf
    """
    opened = latlas.open(space)
    drawn = opened.map(method, seed=seed, refresh=refresh, progress=progress_for(quiet))
    path = drawn.plot(output or opened.folder / "pictures" / f"map-{drawn.name}.png")
    result = {"space": str(space), "map": drawn.name, **drawn.scores, "output": str(path)}
    lines = [f"{name.replace('_', ' ')}: {value:.3f}" for name, value in drawn.scores.items()]
    lines += [f"map: {path}", *(say_work(opened) if verbose else [])]
    show(result, lines, as_json)


@app.command()
def info(
    space: SpaceFolder,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a space is and what made it.

    Example:  latlas info mnist.latlas
    """
    facts = latlas.open(space).info()
    show(facts, [*say_facts(facts), *(say_settings(facts) if verbose else [])], as_json)

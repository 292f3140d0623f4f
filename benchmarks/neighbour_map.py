"""The neighbour map of 70,000 x 16 latents: latlas's default against umap-learn.

The same latents for both, from `latlas fit mnist` or from `--latents FILE.npy`. umap-learn runs
as it comes, without a seed, which lets it use all cores; ours is seeded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from harness import Bench, Contender, Figures, Goal, Medians, child, main

OURS, THEIRS = "latlas", "umap-learn"
NEIGHBOURS = 10


def latlas(latents: str) -> Figures:
    from latlas.projections import PROJECTIONS
    from latlas.space import DEFAULT_MAP

    z = np.load(latents)
    began = time.perf_counter()
    xy = PROJECTIONS[DEFAULT_MAP](seed=0).fit(z).xy_
    figures = {"map_s": time.perf_counter() - began, "method": DEFAULT_MAP}
    np.save("xy.npy", xy)
    return figures


def umap(latents: str) -> Figures:
    from umap import UMAP

    z = np.load(latents)
    began = time.perf_counter()
    xy = UMAP().fit_transform(z)
    figures = {"map_s": time.perf_counter() - began}
    np.save("xy.npy", xy)
    return figures


def latents_of_mnist(quick: bool) -> Path:
    """Fits MNIST (digits for a quick run) once, untimed, and keeps the latents."""
    import latlas

    folder = Path(tempfile.mkdtemp(prefix="latlas-bench-latents-"))
    source = "digits" if quick else "mnist"
    space = latlas.fit(source, folder / "space.latlas", maps=(), pictures=False)
    np.save(folder / "z.npy", space.latents.z)
    return folder / "z.npy"


def plan(options: argparse.Namespace) -> list[Contender]:
    from latlas.measures.spaces import trustworthiness

    path = Path(options.latents).resolve() if options.latents else latents_of_mnist(options.quick)
    z = np.load(path)

    def quality(folder: Path, figures: Figures) -> Figures:
        return {
            "trustworthiness_10": float(
                trustworthiness(z, np.load(folder / "xy.npy"), k=NEIGHBOURS)
            )
        }

    return [
        Contender(OURS, child(__file__, "latlas", latents=str(path)), after=quality),
        Contender(THEIRS, child(__file__, "umap", latents=str(path)), after=quality),
    ]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    ours, theirs = medians[OURS], medians[THEIRS]
    return [
        Goal("whole process: umap-learn's time / ours", theirs["wall_s"] / ours["wall_s"], 1, 4),
        Goal("the map alone: umap-learn's time / ours", theirs["map_s"] / ours["map_s"], 1, 4),
        Goal("our trustworthiness@10", ours["trustworthiness_10"], theirs["trustworthiness_10"]),
    ]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--latents", help="float32 [N, D] in a .npy file")


BENCH = Bench(
    "neighbour-map",
    "Neighbour map of 70,000 x 16 latents of MNIST, against umap-learn on the same latents.",
    plan,
    judge,
    {"latlas": latlas, "umap": umap},
    arguments,
)

if __name__ == "__main__":
    main(BENCH)

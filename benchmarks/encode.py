"""70,000 images through pythae's ResNet encoder: into our store, by `embed`, and bare.

`embed` gives latents only (it decodes too and throws that away); our rows carry, beside the
latents, the reconstruction error, for which the decoder must run, and a thumbnail.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import peers
from harness import Bench, Contender, Figures, Goal, Medians, child, main

STORE, VECTORS = "latlas, into the store", "latlas, vectors only"
EMBED, BARE = "pythae embed", "bare encoder forward"


def all_images(images: int) -> np.ndarray:
    return np.concatenate([peers.read_mnist("train"), peers.read_mnist("t10k")])[:images]


def speed(images: int, began: float) -> Figures:
    seconds = time.perf_counter() - began
    return {"encode_s": seconds, "images_per_s": images / seconds}


def store(images: int) -> Figures:
    from latlas.encode import Coder, encode_rows
    from latlas.store import LatentStore

    source = peers.as_images(all_images(images))
    coder = Coder(peers.PeerNet(0), source.shape, torch.device("cpu"))
    began = time.perf_counter()
    table = LatentStore.create(Path("latents").resolve(), peers.LATENT_DIM)
    table.append_stream(encode_rows(coder, source))
    return speed(images, began)


def vectors(images: int) -> Figures:
    from latlas.encode import Coder

    source = peers.as_images(all_images(images))
    coder = Coder(peers.PeerNet(0), source.shape, torch.device("cpu"))
    began = time.perf_counter()
    coder.encode(source.pixels)
    return speed(images, began)


def embed(images: int, batch: int) -> Figures:
    x, model = peers.as_input(all_images(images)), peers.resnet(0).eval()
    began = time.perf_counter()
    with torch.inference_mode():
        torch.cat([model.embed(part) for part in x.split(batch)])
    return speed(images, began)


def bare(images: int, batch: int) -> Figures:
    x, model = peers.as_input(all_images(images)), peers.resnet(0).eval()
    began = time.perf_counter()
    with torch.inference_mode():
        torch.cat([model.encoder(part).embedding for part in x.split(batch)])
    return speed(images, began)


def plan(options: argparse.Namespace) -> list[Contender]:
    images, batch = (2000 if options.quick else 70_000), {"batch": options.batch}
    return [
        Contender(STORE, child(__file__, "store", images=images)),
        Contender(VECTORS, child(__file__, "vectors", images=images)),
        Contender(EMBED, child(__file__, "embed", images=images, **batch)),
        Contender(BARE, child(__file__, "bare", images=images, **batch)),
    ]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    rate = {name: row["images_per_s"] for name, row in medians.items()}
    return [
        Goal("images/s into the store / pythae embed's", rate[STORE] / rate[EMBED], 4),
        Goal("images/s into the store / bare encoder's", rate[STORE] / rate[BARE], None, 0.9),
        Goal("images/s of vectors only / pythae embed's", rate[VECTORS] / rate[EMBED], 4),
        Goal("images/s of vectors only / bare encoder's", rate[VECTORS] / rate[BARE], None, 0.9),
    ]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch", type=int, default=500, help="batch of embed and the bare forward (500)"
    )


BENCH = Bench(
    "encode",
    "70,000 MNIST images through pythae's ResNet encoder.",
    plan,
    judge,
    {"store": store, "vectors": vectors, "embed": embed, "bare": bare},
    arguments,
)

if __name__ == "__main__":
    main(BENCH)

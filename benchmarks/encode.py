"""70,000 images encoded: by `latlas` into its store, by pythae's `embed`, and by bare encoders.

The goal compares what a user of each gets: our default model into the store against `embed` of
pythae's ResNet. The other rows put pythae's ResNet into our code, so that only the code differs.
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

STORE, BARE = "latlas, into the store", "its bare encoder"
EMBED = "pythae embed"
SAME_STORE, SAME_VECTORS = "same ResNet, into our store", "same ResNet, vectors only"
SAME_BARE = "same ResNet, bare encoder"


def all_images(images: int) -> np.ndarray:
    return np.concatenate([peers.read_mnist("train"), peers.read_mnist("t10k")])[:images]


def speed(images: int, began: float) -> Figures:
    seconds = time.perf_counter() - began
    return {"encode_s": seconds, "images_per_s": images / seconds}


def default_model() -> torch.nn.Module:
    from latlas.models import ModelConfig, build_model

    return build_model("rae", ModelConfig((28, 28, 1), peers.LATENT_DIM), seed=0).eval()


def store(images: int, same: bool) -> Figures:
    from latlas.encode import Coder, encode_rows
    from latlas.store import LatentStore

    source = peers.as_images(all_images(images))
    coder = Coder(peers.PeerNet(0) if same else default_model(), source.shape, torch.device("cpu"))
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


def bare(images: int, batch: int, same: bool) -> Figures:
    x = peers.as_input(all_images(images))
    resnet, ours = peers.resnet(0).eval(), default_model()
    began = time.perf_counter()
    with torch.inference_mode():
        for part in x.split(batch):
            resnet.encoder(part) if same else ours.encode(part)
    return speed(images, began)


def plan(options: argparse.Namespace) -> list[Contender]:
    images, batch = (2000 if options.quick else 70_000), {"batch": options.batch}
    return [
        Contender(STORE, child(__file__, "store", images=images, same=False)),
        Contender(BARE, child(__file__, "bare", images=images, same=False, **batch)),
        Contender(EMBED, child(__file__, "embed", images=images, **batch)),
        Contender(SAME_STORE, child(__file__, "store", images=images, same=True)),
        Contender(SAME_VECTORS, child(__file__, "vectors", images=images)),
        Contender(SAME_BARE, child(__file__, "bare", images=images, same=True, **batch)),
    ]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    rate = {name: row["images_per_s"] for name, row in medians.items()}
    return [
        Goal("images/s into the store / pythae embed's", rate[STORE] / rate[EMBED], 4),
        Goal("images/s into the store / bare encoder's", rate[STORE] / rate[BARE], None, 0.9),
        Goal("same ResNet, into the store / embed", rate[SAME_STORE] / rate[EMBED], None),
        Goal("same ResNet, vectors only / embed", rate[SAME_VECTORS] / rate[EMBED], None),
        Goal("same ResNet, vectors only / bare", rate[SAME_VECTORS] / rate[SAME_BARE], None, 0.9),
    ]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch", type=int, default=500, help="batch of embed and the bare forward (500)"
    )


BENCH = Bench(
    "encode",
    "70,000 MNIST images encoded: our default model, and pythae's ResNet in both.",
    plan,
    judge,
    {"store": store, "vectors": vectors, "embed": embed, "bare": bare},
    arguments,
)

if __name__ == "__main__":
    main(BENCH)

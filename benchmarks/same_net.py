"""The same net (pythae's ResNet), batch 100 and Adam in our loop, in pythae's and in a bare one."""

from __future__ import annotations

import argparse
import time

import torch

import machine
import peers
from harness import Bench, Contender, Figures, Goal, Medians, child, main, say

OURS, OURS_BF16 = "latlas.train, float32", "latlas.train, bfloat16"
THEIRS, BARE = "pythae trainer", "bare loop, float32"


def speed(images: int, began: float) -> Figures:
    seconds = time.perf_counter() - began
    return {"train_s": seconds, "images_per_s": images / seconds}


def pythae(images: int, epochs: int) -> Figures:
    x, model = peers.as_input(peers.read_mnist("train")[:images]), peers.resnet(0)
    began = time.perf_counter()
    peers.train_with_pythae(model, x, epochs, seed=0)
    return speed(epochs * images, began)


def latlas(images: int, epochs: int, precision: str) -> Figures:
    from latlas.settings import TrainConfig
    from latlas.train import train

    source, model = peers.as_images(peers.read_mnist("train")[:images]), peers.PeerNet(0)
    config = TrainConfig(
        epochs=epochs,
        batch_size=peers.BATCH,
        learning_rate=peers.LEARNING_RATE,
        precision=precision,
        device="cpu",
    )
    began = time.perf_counter()
    result = train(model, source, config)
    return speed(result.steps * peers.BATCH, began) | {"threads": result.threads}


def bare(images: int, epochs: int) -> Figures:
    """The least that training this net takes: index, forward, backward, Adam."""
    x, model = peers.as_input(peers.read_mnist("train")[:images]), peers.PeerNet(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=peers.LEARNING_RATE, fused=True)
    generator = torch.Generator().manual_seed(0)
    began = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(images, generator=generator).split(peers.BATCH):
            optimiser.zero_grad()
            model.losses(x[rows], generator)["loss"].backward()
            optimiser.step()
    return speed(epochs * images, began)


def plan(options: argparse.Namespace) -> list[Contender]:
    size = {"images": 500 if options.quick else options.images, "epochs": 1}
    ours = [Contender(OURS, child(__file__, "latlas", **size, precision="float32"))]
    if machine.has_bfloat16():
        ours.append(Contender(OURS_BF16, child(__file__, "latlas", **size, precision="bfloat16")))
    others = [
        Contender(THEIRS, child(__file__, "pythae", **size)),
        Contender(BARE, child(__file__, "bare", **size)),
    ]
    return [*ours, *others]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    rate = {name: row["images_per_s"] for name, row in medians.items()}
    goals = [
        Goal(
            "images/s in float32, ours / pythae's",
            rate[OURS] / rate[THEIRS],
            1.0,
            rate[BARE] / rate[THEIRS],
        ),
        Goal("images/s in float32, ours / bare loop's", rate[OURS] / rate[BARE], None, 1.0),
    ]
    if OURS_BF16 in rate:
        goals.append(
            Goal("images/s in bfloat16, ours / pythae's", rate[OURS_BF16] / rate[THEIRS], 1.3)
        )
    else:
        say("bfloat16 is left out: this processor has no instructions for it")
    return goals


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=12_000, help="images of one epoch (12000)")


BENCH = Bench(
    "same-net",
    "Images per second of training pythae's ResNet autoencoder, batch 100, Adam 1e-3.",
    plan,
    judge,
    {"pythae": pythae, "latlas": latlas, "bare": bare},
    arguments,
)

if __name__ == "__main__":
    main(BENCH)

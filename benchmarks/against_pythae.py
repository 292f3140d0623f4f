"""Time to a held-out error no worse than pythae's ResNet autoencoder after 10 epochs.

Ours is the whole of `latlas fit` (store, maps and pictures included) with the training time that
`--max-time` gives it; pythae's is the training alone. Both in turn in one run. On two cores
pythae's ten epochs take a quarter of an hour and more.
"""

from __future__ import annotations

import argparse

import peers
from fit_mnist import fit_command, scores
from harness import Bench, Contender, Figures, Goal, Medians, child, main

OURS, THEIRS = "latlas fit", "pythae ResNet"


def pythae(epochs: int, images: int | None, seed: int) -> Figures:
    x = peers.as_input(peers.read_mnist("train")[:images])
    model = peers.train_with_pythae(peers.resnet(seed), x, epochs, seed)
    test = peers.as_input(peers.read_mnist("t10k"))
    return {"reconstruction_mse": peers.reconstruction_mse(model, test)}


def plan(options: argparse.Namespace) -> list[Contender]:
    epochs, images = (1, 1000) if options.quick else (options.epochs, None)
    limits = options.max_times or [None]
    ours = [
        Contender(
            OURS + (f" --max-time {limit}" if limit else ""),
            fit_command("mnist", *(["--max-time", limit] if limit else [])),
            after=scores,
        )
        for limit in limits
    ]
    theirs = child(__file__, "pythae", epochs=epochs, images=images, seed=options.seed)
    return [Contender(THEIRS, theirs), *ours]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    theirs = medians[THEIRS]
    target = theirs["reconstruction_mse"]
    good = [
        row
        for name, row in medians.items()
        if name != THEIRS and row["reconstruction_mse"] <= target
    ]
    # The ratio is 0 when none of our runs was as good: no speed counts without the quality.
    ratio = theirs["wall_s"] / min(row["wall_s"] for row in good) if good else 0.0
    best = min(row["reconstruction_mse"] for name, row in medians.items() if name != THEIRS)
    return [
        Goal("our best held-out MSE", best, target, least=False),
        Goal("pythae's wall time / ours, at no worse MSE", ratio, 5, 15),
    ]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=10, help="pythae's epochs (10)")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument(
        "--max-times",
        nargs="*",
        help="training times to try for latlas, such as 40s 80s (default: its own)",
    )


BENCH = Bench(
    "against-pythae",
    "Whole `latlas fit mnist` against pythae's ResNet autoencoder and trainer, to no worse MSE.",
    plan,
    judge,
    {"pythae": pythae},
    arguments,
)

if __name__ == "__main__":
    main(BENCH)

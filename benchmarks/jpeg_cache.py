"""60,000 JPEGs out of a zip into arrays: `open_images` with a cold cache against Pillow."""

from __future__ import annotations

import argparse
import io
import os
import time
import zipfile

import numpy as np

import peers
from harness import Bench, Contender, Figures, Goal, Medians, child, main

OURS, THEIRS = "latlas open_images", "Pillow, one process"


def latlas(path: str) -> Figures:
    from latlas import open_images

    began = time.perf_counter()
    images = open_images(path)
    seconds = time.perf_counter() - began
    return {"decode_s": seconds, "images_per_s": len(images) / seconds}


def pillow(path: str) -> Figures:
    from PIL import Image

    began = time.perf_counter()
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        pixels = np.empty((len(names), 32, 32, 3), np.uint8)
        for index, name in enumerate(names):
            with Image.open(io.BytesIO(archive.read(name))) as image:
                pixels[index] = image.convert("RGB")
    seconds = time.perf_counter() - began
    return {"decode_s": seconds, "images_per_s": len(names) / seconds}


def plan(options: argparse.Namespace) -> list[Contender]:
    path = str(peers.data_folder() / "cifar10-jpeg.zip")
    return [
        Contender(OURS, child(__file__, "latlas", path=path)),
        Contender(THEIRS, child(__file__, "pillow", path=path)),
    ]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    ours, theirs = medians[OURS], medians[THEIRS]
    ratio = ours["images_per_s"] / theirs["images_per_s"]
    return [Goal("images/s, ours / Pillow's", ratio, 1.5, 0.9 * (os.cpu_count() or 1))]


BENCH = Bench(
    "jpeg-cache",
    "60,000 JPEGs of 32x32 in a zip, decoded into the cache, against a plain Pillow loop.",
    plan,
    judge,
    {"latlas": latlas, "pillow": pillow},
)

if __name__ == "__main__":
    main(BENCH)

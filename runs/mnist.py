"""What a latent space of MNIST is for, in figures: three seeds, beside pythae on the same work.

Run it with runs/mnist.sh, on a quiet machine. Everything goes to runs/results/: the table as
Markdown and JSON, and the pictures that the README shows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import latlas
import machine
import peers
from latlas.findings import (
    duplicates,
    mislabelled,
    outliers,
    plant_copies,
    plant_foreign,
    plant_labels,
    precision_at,
)
from latlas.judging import Reference, reference_for
from latlas.measures.clustering import cluster_scores, graph_clusters
from latlas.measures.generation import frechet_distance
from latlas.measures.intervals import seeds_interval
from latlas.scoring.generated import draw, generation_scores, reference_floors

SAMPLES = 10_000
FLIPPED, PLANTED = 0.02, 0.01
LABELS = 10
RESULTS, IMAGES = ROOT / "runs" / "results", ROOT / "docs" / "images"


@dataclass(frozen=True)
class Line:
    """A line of the table: what was asked, and what each seed gave."""

    name: str
    values: list[float]
    must: float | None
    aim: float | None
    high: bool = True
    share: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the mean over the seeds reaches what was asked."""

        def reached(bound: float) -> bool:
            mean = statistics.fmean(self.values)
            return mean >= bound if self.high else mean <= bound

        if self.must is None:
            return ""
        if self.aim is not None and reached(self.aim):
            return "aim reached"
        return "reached" if reached(self.must) else "NOT reached"

    def cells(self) -> list[str]:
        """Name, mean with interval, values, must, aim, verdict."""

        def say(value: float | None) -> str:
            if value is None:
                return "-"
            return f"{value:.2%}" if self.share else f"{value:.4g}"

        mean = say(statistics.fmean(self.values))
        if len(self.values) > 1:
            interval = seeds_interval(self.values)
            mean += f" ± {say((interval.high - interval.low) / 2)}"
        name = f"{self.name} ({self.note})" if self.note else self.name
        each = ", ".join(say(value) for value in self.values)
        return [name, mean, each, say(self.must), say(self.aim), self.verdict]


def say(text: str) -> None:
    """Prints at once, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def ours(
    seed: int, images: Any, reference: Reference, folder: Path, quick: bool
) -> dict[str, float]:
    """Every figure of one seed of latlas."""
    options: dict[str, Any] = {"epochs": 1} if quick else {}
    began = time.perf_counter()
    space = latlas.fit(
        "mnist", folder / f"global-{seed}.latlas", seed=seed, overwrite=True, **options
    )
    found: dict[str, float] = {"fit_seconds": time.perf_counter() - began}
    scores = {score.name: score.value for score in space.scores}
    found |= {"mse": scores["reconstruction_mse"], "knn": scores["knn_accuracy"]}
    say(f"seed {seed}: {found}")
    latents = space.latents
    clusters = graph_clusters(latents.z, 10, seed=seed)
    found["clusters"] = cluster_scores(latents.labels, clusters).accuracy
    say(f"seed {seed}: clusters {found['clusters']:.4f}")
    few = space.classifier(labels_per_class=LABELS, seed=seed).judge()
    found["few_labels"] = few.accuracy if few else float("nan")
    say(f"seed {seed}: {LABELS} labels a class {found['few_labels']:.4f}")
    found |= planted(space, images, seed)
    say(f"seed {seed}: {found}")
    found |= generated(space, reference, seed)
    say(f"seed {seed}: {found}")
    apart = latlas.fit(
        "mnist",
        folder / f"per-class-{seed}.latlas",
        seed=seed,
        scope="per-class",
        overwrite=True,
        maps=(),
        pictures=False,
        **options,
    )
    own = apart.classifier(seed=seed).judge()
    found["per_class_accuracy"] = own.accuracy if own else float("nan")
    say(f"seed {seed}: per-class scope classifies {found['per_class_accuracy']:.4f}")
    return found


def planted(space: Any, images: Any, seed: int) -> dict[str, float]:
    """Precision at k of planted cases among all images, k being their number.

    2% of the labels flipped at random; 1% of the images copied with small changes; 1% foreign
    images added.
    """
    latents, pixels = space.latents, np.asarray(images.pixels)
    labels, flipped = plant_labels(latents.labels, FLIPPED, seed=seed)
    features = pixels.reshape(len(images), -1).astype(np.float32) / 255
    suspects = mislabelled(latents.z, labels, features, seed=seed)
    found = {"mislabels": precision_at(suspects.rows, flipped)}
    for name, plant in (("copies", plant_copies), ("foreign", plant_foreign)):
        case = plant(pixels, PLANTED, seed=seed)
        coded = space.coder.encode_with_errors(case.pixels)
        z = np.concatenate([latents.z, coded.z])
        rows = np.arange(len(latents), len(z))
        if name == "copies":
            ranked = duplicates(z, seed=seed).partners  # the later row of each pair
        else:
            ranked = outliers(z, np.concatenate([latents.errors, coded.errors]), seed=seed).rows
        found[name] = precision_at(ranked, rows)
    return found


def generated(space: Any, reference: Reference, seed: int) -> dict[str, float]:
    """Distances and label agreement of samples, and the time that 10,000 of them take."""
    floors = reference_floors(space, reference, seed)
    found = {
        "floor": floors["real"]["frechet_distance"],
        "reconstructions": floors["reconstructions"]["frechet_distance"],
    }
    for name in ("gmm", "flow"):
        began = time.perf_counter()
        prior = space.prior(name, seed=seed)
        found[f"{name}_fit_seconds"] = time.perf_counter() - began
        for by_class in (True, False):
            scores = generation_scores(
                space, prior, reference, floors, by_class=by_class, seed=seed
            )
            ending = "_by_class" if by_class else ""
            for score in scores:
                found[f"{name}{ending}_{score.name.split(':')[0]}"] = score.value
    found |= within_classes(space, reference, seed)
    prior = space.prior("gmm")
    draw(space, prior, reference, by_class=False)  # warm
    whole, bare = [], []
    for trial in range(5):
        began = time.perf_counter()
        z = prior.sample(SAMPLES, seed=trial)
        drawn = time.perf_counter()
        space.coder.decode(z)
        bare.append(time.perf_counter() - drawn)
        whole.append(time.perf_counter() - began)
    found |= {"sample_seconds": statistics.median(whole), "decode_seconds": statistics.median(bare)}
    return found


def within_classes(space: Any, reference: Reference, seed: int) -> dict[str, float]:
    """The Fréchet distance within each class, as the mean over the classes.

    Of samples of both priors and of decoded training images, which no prior can be expected to
    be better than: what lies below is the decoder's.
    """
    latents = space.latents
    train = np.flatnonzero(latents.splits == 0)
    rows = np.random.default_rng(seed).choice(train, len(reference.real), replace=False)
    decoded = reference.see(space.coder.decode(latents.z[rows])).features
    sets = {"reconstructions": (decoded, latents.labels[rows])}
    for name in ("gmm", "flow"):
        samples = draw(space, space.prior(name), reference, by_class=True, seed=seed)
        sets[name] = (samples.features, samples.told)
    return {
        f"{name}_within_classes": statistics.fmean(
            frechet_distance(reference.real[reference.labels == label], features[told == label])
            for label in np.unique(reference.labels)
        )
        for name, (features, told) in sets.items()
    }


def pythae(seconds: float, reference: Reference, seed: int, quick: bool) -> dict[str, float]:
    """Pythae's ResNet autoencoder trained for at least as long, and its GMM sampler.

    The number of images is chosen by the speed of a short run, and rounded up.
    """
    from pythae.samplers import (  # type: ignore[import-not-found]
        GaussianMixtureSampler,
        GaussianMixtureSamplerConfig,
    )

    x = peers.as_input(peers.read_mnist("train"))
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            began = time.perf_counter()
            peers.train_with_pythae(peers.resnet(seed), x[:2000], 1, seed)
            speed = 2000 / (time.perf_counter() - began)
            wanted = 2000 if quick else int(speed * seconds)
            epochs = max(1, -(-wanted // len(x)))
            images = len(x) if epochs > 1 else min(len(x), max(wanted, 2000))
            began = time.perf_counter()
            model = peers.train_with_pythae(peers.resnet(seed), x[:images], epochs, seed)
            took = time.perf_counter() - began
        finally:
            os.chdir(before)
    test = peers.as_input(peers.read_mnist("t10k"))
    sampler = GaussianMixtureSampler(model, GaussianMixtureSamplerConfig(n_components=10))
    sampler.fit(x)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        made = sampler.sample(SAMPLES, batch_size=500, return_gen=True)
        times.append(time.perf_counter() - began)
    pixels = (made.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    seen = reference.see(pixels)
    return {
        "peer_seconds": took,
        "peer_images_seen": float(images * epochs),
        "peer_mse": peers.reconstruction_mse(model, test),
        "peer_frechet_distance": frechet_distance(reference.real, seen.features),
        "peer_sample_seconds": statistics.median(times),
    }


def lines(runs: list[dict[str, float]], judge: float | None) -> list[Line]:
    """The table that the README shows."""

    def each(name: str) -> list[float]:
        return [run[name] for run in runs]

    peer = [run["frechet_distance"] for run in _renamed(runs)]
    ratio = [run["gmm_frechet_distance"] / p for run, p in zip(runs, peer, strict=True)]
    floor, gmm, flow = (
        each(f"{name}_within_classes") for name in ("reconstructions", "gmm", "flow")
    )
    gap = [(f - r) / (g - r) for f, g, r in zip(flow, gmm, floor, strict=True)]
    pooled = [
        (run["flow_by_class_frechet_distance"] - run["floor"])
        / (run["gmm_by_class_frechet_distance"] - run["floor"])
        for run in runs
    ]
    faster = [run["peer_sample_seconds"] / run["sample_seconds"] for run in runs]
    share: dict[str, Any] = {"share": True}
    said = f"judge {judge:.2%}" if judge is not None else ""
    return [
        Line("kNN accuracy, no labels in training", each("knn"), 0.975, 0.983, **share),
        Line("clustering accuracy without labels", each("clusters"), 0.95, 0.985, **share),
        Line(
            "label agreement of class-conditional samples, gmm",
            each("gmm_by_class_label_agreement"),
            0.97,
            0.995,
            note=said,
            **share,
        ),
        Line(
            "the same, flow",
            each("flow_by_class_label_agreement"),
            0.97,
            0.995,
            note=said,
            **share,
        ),
        Line("Fréchet distance of rae + gmm / pythae's", ratio, 1.0, 0.5, high=False),
        Line(
            "flow / gmm, Fréchet distance within classes above that of reconstructions",
            gap,
            1.0,
            0.5,
            high=False,
        ),
        Line("the same, all classes together, above real images", pooled, 1.0, 0.5, high=False),
        Line(f"accuracy with {LABELS} labels per class", each("few_labels"), 0.9, 0.96, **share),
        Line("precision at k, planted mislabels", each("mislabels"), 0.9, 0.98, **share),
        Line("the same, planted near copies", each("copies"), None, None, **share),
        Line("the same, planted foreign images", each("foreign"), None, None, **share),
        Line("10,000 samples: pythae's time / ours", faster, 3.0, None),
        Line("classifying, per-class scope", each("per_class_accuracy"), 0.97, 0.99, **share),
    ]


def _renamed(runs: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{"frechet_distance": run["peer_frechet_distance"]} for run in runs]


NOTES = """
Verdicts are on the means. Distances are Fréchet distances in the features of the judge, of 10,000
samples against the 10,000 test images. Within classes, the line is what lies above decoded training
images, which is the part that a prior can change; all classes together, what lies above other real
images. Copies and foreign images are added after training. The clustering, the spreading of few
labels and the ranking of wrong labels were designed on MNIST and its labels (docs/log.md), so these
figures are somewhat kind to them.
"""


def write(
    table: list[Line], runs: list[dict[str, float]], judge: float | None, quick: bool
) -> None:
    """The table as Markdown and everything as JSON."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    stem = "quick" if quick else "mnist"
    facts = machine.describe()
    header = ["what", "mean ± 95% (t, seeds)", "each seed", "must", "aim", ""]
    rows = [header, ["---"] * len(header), *(line.cells() for line in table)]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    head = (
        f"# MNIST, D = 16, seeds 0 to {len(runs) - 1}\n\nMade by `runs/mnist.sh` on "
        f"{datetime.now(UTC):%Y-%m-%d}. {json.dumps(facts)}\n\n"
    )
    (RESULTS / f"{stem}.md").write_text(head + text + "\n" + NOTES, encoding="utf-8")
    whole = {"judge_accuracy": judge, "machine": facts, "runs": runs}
    (RESULTS / f"{stem}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    say(text)


def main() -> None:
    """Reads the command line and does it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-compare", action="store_true", help="only the table")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="latlas-runs-"))
    say(f"spaces go to {folder}")
    images = latlas.open_images("mnist")
    reference = reference_for(images)
    say(f"the judge: {reference.judge.accuracy}")
    runs = []
    for seed in range(1 if options.quick else options.seeds):
        found = ours(seed, images, reference, folder, options.quick)
        found |= pythae(found["fit_seconds"], reference, seed, options.quick)
        runs.append(found)
        write(lines(runs, reference.judge.accuracy), runs, reference.judge.accuracy, options.quick)
    asked = latlas.open(folder / "global-0.latlas").classifier()
    judged = asked.judge()
    for picture in latlas.draw_proofs(asked, judged, folder) if judged else []:
        kind = picture.stem.split("-")[0]
        if kind in {"confusion", "regions"} and not options.quick:
            (IMAGES / f"mnist-{kind}.png").write_bytes(picture.read_bytes())
    if not options.no_compare:
        more: dict[str, Any] = {"seeds": 1, "epochs": 1, "sizes": ()} if options.quick else {}
        compared = latlas.compare("mnist", folder / "mnist.compare", **more)
        say("\n".join([*compared.table(), "", *compared.answers]))
        kept = RESULTS / "compare-mnist.json"
        kept.write_text(json.dumps(compared.as_json(), indent=1) + "\n", encoding="utf-8")
        for picture in compared.pictures:
            (IMAGES / f"mnist-compare-{picture.name}").write_bytes(picture.read_bytes())


if __name__ == "__main__":
    main()

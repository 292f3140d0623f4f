"""Writes parity.json: what latlas itself says of a small made-up space, for the page to agree with.

Run from the repository after a change of the mathematics: python web/test/make_parity.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from latlas.classifiers import KNNClassifier, LinearClassifier
from latlas.neighbours import nearest
from latlas.priors import GaussianPrior, GMMPrior
from latlas.priors.mixture import shrunk_covariance, shrunk_gaussian
from latlas.projections.pca import PCA
from latlas.projections.placement import _place
from latlas.walks import _cheapest_way, _resampled

D = 5


def listed(values: Any, digits: int = 9) -> list[float]:
    """All values in a row, with so many significant digits."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values).ravel()]


def mixture(density: Any) -> dict[str, Any]:
    """A mixture as the page reads it, rounded to float32."""
    parts = {name: np.float32(getattr(density, name)) for name in ("weights", "means", "roots")}
    return {"components": len(density)} | {name: listed(part) for name, part in parts.items()}


rng = np.random.default_rng(0)
centres = rng.normal(scale=3, size=(3, D))
labels = np.repeat([0, 1, 3], [60, 50, 30])  # there is no row of label 2
z = centres[np.repeat([0, 1, 2], [60, 50, 30])] + rng.normal(size=(140, D))
z = z.astype(np.float16).astype(np.float32)
queries = np.concatenate([z[[3, 70]], (z[:3] + z[90:93]) / 2, 4 * z[:1]]).astype(np.float32)

knn, linear = KNNClassifier().fit(z, labels), LinearClassifier().fit(z, labels)
state, arrays = linear.state()
weights = arrays["weights"].T / arrays["deviations"][:, None] / state["temperature"]  # [D, K]
bias = arrays["offsets"] / state["temperature"] - arrays["means"] @ weights

gmm = GMMPrior().fit(z, labels)
lone, few = shrunk_gaussian(z[:60]), z[:4]
borrowed = shrunk_covariance((z - z.mean(axis=0)).astype(np.float64))

pca = PCA().fit(z)
places = np.concatenate([pca.xy_[:70], pca.xy_[70:] + 9]).astype(np.float32)
found = nearest(queries, z, 10)
turn = np.linspace(0, 6, 150)  # a snail, so that the way along the data is a long one
snail = np.stack([turn * np.cos(turn), turn * np.sin(turn), np.zeros(150)], axis=1)
points = np.concatenate([snail[[3, -3]] + 0.01, snail + rng.normal(scale=0.05, size=snail.shape)])
points = points.astype(np.float16).astype(np.float32)
way = _cheapest_way(points, 10)
if way is None:
    raise SystemExit("the two ends of the walk are not joined")

parity = {
    "dim": D,
    "z": listed(z),
    "labels": labels.tolist(),
    "queries": listed(queries),
    "knn": {
        "classes": knn.classes.tolist(),
        "k": knn.k,
        "temperature": knn.temperature,
        "odds": listed(knn.probabilities(queries)),
    },
    "linear": {
        "classes": linear.classes.tolist(),
        "weights": listed(weights, 17),
        "bias": listed(bias, 17),
        "odds": listed(linear.probabilities(queries)),
    },
    "gmm": mixture(gmm._density(None)) | {"log_density": listed(gmm.log_density(queries))},
    "gaussian": {
        "log_density": listed(lone.log_density(queries)),
        "root": listed(lone.roots),
        "few": listed(shrunk_gaussian(few, borrowed).roots),
        "borrowed": listed(borrowed, 17),
        "prior": listed(GaussianPrior().fit(z).log_density(queries)),
    },
    "pca": {
        "mean": listed(pca.mean_),
        "components": [listed(row) for row in pca.components_],
        "xy": listed(pca.transform(queries)),
    },
    "placed": {
        "places": listed(places),
        "xy": listed(_place(places, found.indices, found.distances)),
    },
    "walk": {"points": listed(points), "z": listed(_resampled(points[way], 9))},
}
Path(__file__).with_name("parity.json").write_text(json.dumps(parity) + "\n")

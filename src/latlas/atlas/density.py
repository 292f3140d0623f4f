"""Where latents lie: mixtures to sample from, how far is far, and how rare each row is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from latlas.checkpoint import inside, read_arrays
from latlas.contracts import TEST, TRAIN, FloatArray, IntArray, LatlasError
from latlas.neighbours import approximate_neighbours, nearest
from latlas.priors import PRIORS
from latlas.priors.gaussian import GaussianPrior
from latlas.stored import StoredSpace

__all__ = [
    "fog",
    "groups",
    "mixture_bytes",
    "mixture_infos",
    "prior_infos",
    "rarity",
    "rarity_end",
]

MIXTURES = ("gmm", "gaussian")
PROBES = 500
"""Held-out latents that the quantiles of the fog are taken from, at most."""
LANDMARKS = 32
BLOCK_ROWS = 65_536


def prior_infos(space: StoredSpace) -> list[dict[str, Any]]:
    """The name of every prior, and whether the space keeps it fitted."""
    return [{"name": name, "fitted": name in space.manifest.priors} for name in PRIORS]


def mixture_infos(space: StoredSpace) -> list[dict[str, Any]]:
    """``MixtureInfo`` of the page: the mixture of the space, and a Gaussian in any case.

    A Gaussian that the space does not keep is not fitted here; its parts are known without.
    """
    infos = []
    for name in MIXTURES:
        arrays = _stored(space, name)
        if arrays is not None:
            listed = [
                (label, len(arrays[f"{key}.weights"])) for label, key in _parts(space, arrays)
            ]
        elif name == GaussianPrior.name:
            listed = [(label, 1) for label, _ in _parts(space, {"classes": _trained(space)[1]})]
        else:
            continue
        densities = [{"label": label, "components": count} for label, count in listed]
        if densities:
            infos.append({"name": name, "resource": f"mixture-{name}", "densities": densities})
    return infos


def mixture_bytes(space: StoredSpace, name: str) -> bytes:
    """A mixture as float32: of each density in turn weights, means, roots."""
    arrays = _stored(space, name)
    if arrays is None:
        rows, known = _trained(space)
        latents = space.latents
        labels = latents.told[rows] if len(known) else None
        arrays = GaussianPrior().fit(latents.z[rows], labels).state()[1]
    return b"".join(
        arrays[f"{key}.{part}"].astype("<f4").tobytes()
        for _, key in _parts(space, arrays)
        for part in ("weights", "means", "roots")
    )


def _parts(space: StoredSpace, arrays: dict[str, Any]) -> list[tuple[int, str]]:
    """Label (-1 for everything) and name of each density, in order.

    In a space for each class nothing lies in the mixture over everything: it is left out.
    """
    everything = [] if space.scope == "per-class" or not len(space.latents) else [(-1, "all")]
    return everything + [(label, str(label)) for label in arrays["classes"].tolist()]


def _stored(space: StoredSpace, name: str) -> dict[str, Any] | None:
    """The arrays of a prior that the space keeps; None without, or where it is damaged."""
    if name not in space.manifest.priors:
        return None
    with contextlib.suppress(LatlasError, ValueError, KeyError, TypeError):
        digest = space.manifest.priors[name].digest
        config, arrays = read_arrays(inside(space.folder, "priors", name), digest)
        PRIORS[name].from_state(config, arrays)  # refuses what is damaged
        return arrays
    return None


def _trained(space: StoredSpace) -> tuple[IntArray, IntArray]:
    """The rows that priors learn from, all where none is for training, and their labels."""
    latents = space.latents
    rows = np.flatnonzero(latents.splits == TRAIN)
    rows = rows if len(rows) else np.arange(len(latents))
    labels = np.unique(latents.told[rows]) if len(latents.classes) else np.empty(0, np.int64)
    return rows, labels[labels >= 0]


# --- distances ---------------------------------------------------------------------------


def groups(space: StoredSpace, rows: IntArray | None = None) -> list[IntArray]:
    """Rows whose latents lie in one space: all (or those given), or those of each label."""
    told = space.latents.told
    rows = np.arange(len(told)) if rows is None else rows
    if space.scope != "per-class":
        return [rows]
    owners = np.array([*_owners(space), -1])[told[rows]]
    return [rows[owners == owner] for owner in np.unique(owners)]


def _owners(space: StoredSpace) -> Sequence[int]:
    """The space that the latents of each label lie in; where no model tells, one for each."""
    with contextlib.suppress(LatlasError):
        return list(getattr(space.model, "owners", range(len(space.classes))))
    return range(len(space.classes))


def fog(space: StoredSpace, among: IntArray | None = None, seed: int = 0) -> list[float]:
    """Quantiles 0, 1, ..., 100% of the distance of a held-out latent to its nearest training one.

    Of 500 held-out latents at most, drawn at random; where none is held out, of training latents
    to the nearest other one. Empty where there are no two latents to compare. ``among``: rows
    that alone count, both for what is asked and for what is found.
    """
    latents = space.latents
    found: list[FloatArray] = []
    held = latents.splits == TEST
    count = len(latents) if among is None else len(among)
    for rows in groups(space, among):
        train, test = rows[latents.splits[rows] == TRAIN], rows[held[rows]]
        share = -(-PROBES * len(rows) // count)
        generator = np.random.default_rng((seed, 5))
        if len(test) and len(train):
            asked = generator.permutation(test)[:share]
            found.append(nearest(latents.z[asked], latents.z[train], 1).distances[:, 0])
        elif len(train) > 1:
            asked = generator.permutation(train)[:share]
            two = nearest(latents.z[asked], latents.z[train], 2)
            found.append(two.distances[:, 1])
    if not found:
        return []
    return [float(f"{q:.6g}") for q in np.quantile(np.concatenate(found), np.linspace(0, 1, 101))]


def rarity(space: StoredSpace) -> FloatArray:
    """The distance of each row's latent to the nearest training latent but its own: float32 [N].

    Of training latents the neighbour is looked for among the nearest cells only, see
    ``approximate_neighbours``. NaN for a latent that has no other.
    """
    latents = space.latents
    distance = np.full(len(latents), np.nan, np.float32)
    for rows in groups(space):
        train = rows[latents.splits[rows] == TRAIN]
        others = rows[latents.splits[rows] != TRAIN]
        if len(train) > 1:
            distance[train] = approximate_neighbours(latents.z[train], 1).distances[:, 0]
        if len(others) and len(train):
            distance[others] = nearest(latents.z[others], latents.z[train], 1).distances[:, 0]
    return distance


def rarity_end(space: StoredSpace, seed: int = 0) -> float:
    """No value of ``rarity`` is above this, which takes no search: the end of its scale.

    The distance to the second nearest of 32 training latents is at least that to the nearest of
    all of them but the row's own.
    """
    latents = space.latents
    most = 0.0
    for rows in groups(space):
        train = rows[latents.splits[rows] == TRAIN]
        if not len(train):
            continue
        marks = np.random.default_rng((seed, 6)).permutation(train)[:LANDMARKS]
        for start in range(0, len(rows), BLOCK_ROWS):
            most = max(
                most, _second_nearest(latents.z[rows[start : start + BLOCK_ROWS]], latents.z[marks])
            )
    return most if most > 0 else 1.0


def _second_nearest(z: FloatArray, marks: FloatArray) -> float:
    """The largest distance of rows to the nearest landmark but one, or a little more.

    Landmarks are rows themselves, and are not to be near because of that.
    """
    offset = marks.mean(axis=0)
    z, marks = z - offset, marks - offset
    lengths, own = np.square(z).sum(axis=1), np.square(marks).sum(axis=1)
    squares = lengths[:, None] - 2 * z @ marks.T + own
    second = np.partition(squares, min(1, len(marks) - 1), axis=1)[:, min(1, len(marks) - 1)]
    return float(np.sqrt(max(float(second.max()), 0.0) + 1e-5 * float(lengths.max()))) * 1.001

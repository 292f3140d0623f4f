"""Clusters found without labels, and how well they agree with labels.

``graph_clusters`` is the one to use on latents. ``kmeans_clusters`` and ``gmm_clusters`` are the
simple rivals that it is read beside; both also take the layout of a map as their points.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.lazily import lazy_import
from latlas.measures.communities import communities, merged, neighbour_graph
from latlas.neighbours import as_points
from latlas.vectors import train_vectors

cluster = lazy_import("sklearn.cluster")
exceptions = lazy_import("sklearn.exceptions")
metrics = lazy_import("sklearn.metrics")
mixtures = lazy_import("sklearn.mixture")
optimize = lazy_import("scipy.optimize")

__all__ = [
    "ClusterScores",
    "chance_agreement",
    "cluster_scores",
    "gmm_clusters",
    "graph_clusters",
    "hungarian_accuracy",
    "kmeans_clusters",
]

RESOLUTION = 1.0  # of the first communities: finer than clusters, so that these can be whole
STARTS = 3

FEWEST_TO_LEARN = 5000
LESSONS = 2
NOISE = 0.1  # in units of the latents' overall standard deviation
SMOOTHING = 0.1


@dataclass(frozen=True)
class ClusterScores:
    """How well clusters agree with labels.

    Attributes:
        accuracy: of the best pairing of clusters and labels, 0..1 (``hungarian_accuracy``).
        nmi: normalised mutual information, 0..1; the mean of both entropies is the norm (Vinh,
            Epps & Bailey, "Information Theoretic Measures for Clusterings Comparison", JMLR 2010).
        ari: adjusted Rand index, at most 1, 0 by chance (Hubert & Arabie, "Comparing
            partitions", Journal of Classification 1985).
    """

    accuracy: float
    nmi: float
    ari: float


def cluster_scores(labels: NDArray[Any], clusters: NDArray[Any]) -> ClusterScores:
    """All three measures of agreement, over the rows with a known label.

    Args:
        labels: integers [N], -1 where unknown.
        clusters: integers [N], -1 where a point belongs to no cluster; such a point is wrong for
            the accuracy, and the points without a cluster are one cluster for the other two.

    Raises:
        OptionError: shapes or kinds that do not match, or no known label.
    """
    labels, clusters = _pairs(labels, clusters)
    return ClusterScores(
        hungarian_accuracy(labels, clusters),
        float(metrics.normalized_mutual_info_score(labels, clusters)),
        float(metrics.adjusted_rand_score(labels, clusters)),
    )


def hungarian_accuracy(labels: NDArray[Any], clusters: NDArray[Any]) -> float:
    """The share of points whose cluster stands for their label, 0..1.

    max over m of 1/N Σᵢ [labelᵢ = m(clusterᵢ)], where m gives each cluster a label of its own, or
    none (Kuhn, "The Hungarian method for the assignment problem", 1955; used so by Xie, Girshick
    & Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, equation 10).
    Where there are more clusters than labels, the points of those left over are wrong.

    Args:
        labels: integers [N]; rows with -1 (unknown) are left out.
        clusters: integers [N]; -1 is no cluster, and wrong.

    Raises:
        OptionError: shapes or kinds that do not match, or no known label.
    """
    labels, clusters = _pairs(labels, clusters)
    inside = clusters >= 0
    if not inside.any():
        return 0.0
    _, row = np.unique(labels[inside], return_inverse=True)
    _, column = np.unique(clusters[inside], return_inverse=True)
    table = np.zeros((row.max() + 1, column.max() + 1), dtype=np.int64)
    np.add.at(table, (row, column), 1)
    rows, columns = optimize.linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(labels))


def chance_agreement(labels: NDArray[Any], clusters: NDArray[Any], *, seed: int = 0) -> float:
    """The ``hungarian_accuracy`` of clusters of the same sizes that know nothing, 0..1.

    The clusters are dealt out anew at random, once.

    Raises:
        OptionError: as ``hungarian_accuracy``, or a seed below 0.
    """
    labels, clusters = _pairs(labels, clusters)
    _check_seed(seed)
    return hungarian_accuracy(labels, np.random.default_rng(seed).permutation(clusters))


def kmeans_clusters(z: NDArray[Any], K: int, seed: int = 0) -> IntArray:
    """Clusters by k-means (Lloyd 1982, with the starts of Arthur & Vassilvitskii, SODA 2007).

    The best of 5 starts by the sum of squared distances.

    Args:
        z: floats [N, D], latents or the layout of a map.
        K: number of clusters, 1..N; fewer come back where there are fewer distinct points.
        seed: from 0 on.

    Returns:
        int64 [N], values 0..K-1.

    Raises:
        OptionError: K or seed out of range, a bad shape, values that are not finite.
    """
    z = _centred(z, K, seed)
    with warnings.catch_warnings():
        # There may be fewer distinct points than K.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        return _named(cluster.KMeans(K, n_init=5, random_state=seed).fit_predict(z))


def gmm_clusters(z: NDArray[Any], K: int, seed: int = 0) -> IntArray:
    """Clusters as the components of a Gaussian mixture with full covariances, fitted by EM.

    The most likely of 3 fits, each from k-means (Dempster, Laird & Rubin, "Maximum likelihood
    from incomplete data via the EM algorithm", 1977).

    Args:
        z: floats [N, D], latents or the layout of a map.
        K: number of components, 1..N; those that no point chooses are not counted.
        seed: from 0 on.

    Returns:
        int64 [N], values 0..K-1.

    Raises:
        OptionError: K or seed out of range, a bad shape, values that are not finite.
    """
    z = _centred(z, K, seed)
    if K == 1 or not z.any():
        return np.zeros(len(z), dtype=np.int64)
    # In float64: variances of flat directions are not lost.
    mixture = mixtures.GaussianMixture(K, n_init=STARTS, reg_covar=1e-5, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        return _named(mixture.fit_predict(z.astype(np.float64)))


def graph_clusters(
    z: NDArray[Any], K: int | None = None, seed: int = 0, *, learn: bool = True
) -> IntArray:
    """Clusters of any shape: parts of the neighbour graph with many links inside, few between.

    1. The graph joins each point with its 10 nearest; a link that both ends chose counts twice.
    2. Communities of greatest modularity, Σ_c (W_cc / W - γ (W_c / W)²) at γ = 1, where W_ab is the
       weight between a and b, W_c all weight that ends in c and W all there is (Newman & Girvan,
       Phys. Rev. E 2004; Reichardt & Bornholdt, Phys. Rev. E 2006, for γ), by moves of points
       and then of whole communities (Blondel, Guillaume, Lambiotte & Lefebvre, "Fast unfolding of
       communities in large networks", J. Stat. Mech. 2008); here half of the points that would
       gain move at once. γ doubles while there are fewer than K communities.
    3. The two communities with the greatest W_ab W / (W_a W_b), weight between them over what
       chance would tie, become one, again and again (Bonald, Charpentier, Galland & Hollocou,
       "Hierarchical Graph Clustering using Node Pair Sampling", 2018), until K are left.
    4. With ``learn`` and at least 5,000 points, a small dense net learns to tell a point's
       cluster from its latent, and what it says then, twice, takes the place of the clusters:
       it draws smoother borders than single links do (self-training, after Scudder, IEEE Trans.
       Information Theory 1965). It is left out where it would lose a cluster.

    Args:
        z: floats [N, D].
        K: number of clusters, 1..N; None stops merging where no two clusters have a third of the
            weight between them that chance would tie. What does not hang together stays apart.
        seed: from 0 on; the same seed gives the same clusters.
        learn: whether step 4 is taken.

    Returns:
        int64 [N], values 0..K-1, the largest cluster first.

    Raises:
        OptionError: K or seed out of range, a bad shape, values that are not finite.
    """
    z = _centred(z, 1 if K is None else K, seed)
    if len(z) == 1 or K == 1:
        return np.zeros(len(z), dtype=np.int64)
    graph = neighbour_graph(z, seed)
    generator = np.random.default_rng(seed)
    resolution = RESOLUTION
    owner = communities(graph, resolution, generator)
    while K is not None and owner.max() + 1 < K:
        resolution *= 2
        owner = communities(graph, resolution, generator)
    clusters = merged(graph, owner, z, K)
    if learn and len(z) >= FEWEST_TO_LEARN and clusters.any():
        clusters = _learnt(z, clusters, seed)
    return _named(clusters)


# --- smoother borders ------------------------------------------------------------------------


def _learnt(z: FloatArray, clusters: IntArray, seed: int) -> IntArray:
    """What a net says that learnt the clusters from the latents; the clusters if it lost one."""
    count = int(clusters.max()) + 1
    for lesson in range(LESSONS):
        net = train_vectors(
            z, clusters, count, noise=NOISE, smoothing=SMOOTHING, seed=LESSONS * seed + lesson
        )
        said = net.log_probabilities(z).argmax(axis=1)
        if len(np.unique(said)) < count:
            break
        clusters = said
    return clusters


# --- input and output ------------------------------------------------------------------------


def _centred(z: NDArray[Any], K: int, seed: int) -> FloatArray:
    """The points around 0 with an overall variance of 1: float32 [N, D]."""
    z = as_points(z)
    if not 1 <= K <= len(z):
        raise OptionError(
            f"K is {K}, expected 1..{len(z)}: there are {len(z)} points to make clusters of. "
            "Choose another number of clusters or give more points."
        )
    _check_seed(seed)
    centred = z - z.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.square(centred).mean())
    points: FloatArray = (centred / (scale if scale > 0 else 1)).astype(np.float32)
    return points


def _named(clusters: NDArray[Any]) -> IntArray:
    """Numbers the clusters by size, the largest first, and in their order where sizes equal."""
    _, clusters, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[clusters]


def _pairs(labels: NDArray[Any], clusters: NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Checked labels and clusters of the rows with a known label."""
    given = np.asarray(labels), np.asarray(clusters)
    whole = all(np.issubdtype(array.dtype, np.integer) for array in given)
    if given[0].ndim != 1 or given[0].shape != given[1].shape or not whole:
        raise OptionError(
            f"labels are {given[0].dtype} {list(given[0].shape)} and clusters {given[1].dtype} "
            f"{list(given[1].shape)}; expected two lists of whole numbers, one of each for every "
            "point."
        )
    known = given[0] >= 0
    if not known.any():
        raise OptionError(
            "No point has a known label; expected at least one that is not -1. Clusters can only "
            "be judged beside labels."
        )
    return given[0][known].astype(np.int64), given[1][known].astype(np.int64)


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")

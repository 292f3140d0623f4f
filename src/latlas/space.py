"""The space: one folder with the model, the latents, the maps and what made them.

Everything that latlas does reads or writes a space; its verbs are the methods here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from latlas.adding import add_images, encode_source
from latlas.answers import Answers
from latlas.classification import SpaceClassifier, space_classifier
from latlas.cleaning import Findings, find
from latlas.contracts import (
    FloatArray,
    Images,
    IntArray,
    Latents,
    NoProgress,
    OptionError,
    Prior,
    Progress,
    Score,
    UInt8Array,
)
from latlas.data.source import as_pixels
from latlas.generation import Samples, draw_samples, space_prior
from latlas.lazily import lazy_import
from latlas.mapping import make_map
from latlas.priors import DEFAULT_PRIOR
from latlas.projections import DEFAULT_MAP, PROJECTIONS
from latlas.reporting import report_space
from latlas.results import Map, NearImages, Walk
from latlas.scoring import PARTS, measure
from latlas.stored import StoredSpace
from latlas.walks import Query, near, walk_between, walk_towards

# The page is built on the space and not the other way round, so it is only looked up by name.
notebooks = lazy_import("latlas.notebooks")

__all__ = ["DEFAULT_MAP", "Space", "open_space"]


@final
class Space(StoredSpace):
    """A latent space on disk.

    Args:
        folder: the space's folder, ``NAME.latlas``.
        device: where its model computes: ``auto``, ``cpu``, ``cuda``, ``mps``.
        threads: CPU threads; None takes all cores.
        unfinished: open it although its fit is still under way.

    Raises:
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """

    # --- encode, decode -----------------------------------------------------------------

    def encode(self, images: Any, labels: str | Sequence[str] | None = None) -> FloatArray:
        """Images -> latent vectors float32 [N, D].

        Args:
            images: an array [N, H, W], [N, H, W, C] or [N, C, H, W], uint8 or float in 0..1; a
                Pillow image; or a list of Pillow images or paths. Other sizes are resized.
            labels: N label names (or one for all) that the encoder is told, where the scope is
                conditional or per-class; None: it is told none, and a space for each class takes
                the class that draws an image best.

        Raises:
            SourceError: images that cannot be read as such.
            OptionError: a label that the space does not have.
        """
        pixels = as_pixels(images, self.shape, self.resize)
        return self.coder.encode(pixels, self._told(labels, len(pixels)))

    def decode(self, z: NDArray[Any], labels: str | Sequence[str] | None = None) -> UInt8Array:
        """Latent vectors [N, D] -> images uint8 [N, H, W, C].

        Args:
            z: the vectors.
            labels: N label names (or one for all) that the decoder is told, "" where unknown; in
                the scope per-class they say whose decoder is meant and cannot be left out.

        Raises:
            OptionError: another shape, values that are not finite, or a label that is not there.
        """
        vectors = np.asarray(z, np.float32)
        return self.coder.decode(vectors, self._told(labels, len(vectors)))

    def _told(self, labels: str | Sequence[str] | None, count: int) -> IntArray | None:
        if labels is None:
            return None
        names = [labels] * count if isinstance(labels, str) else list(labels)
        if len(names) != count:
            raise OptionError(f"there are {len(names)} labels for {count} rows; give one for each.")
        return np.array([self.label_number(name) if name else -1 for name in names], np.int64)

    def add(self, images: Images, progress: Progress | None = None) -> IntArray:
        """Encodes new images into the space and places them on its maps.

        What is there does not move. Labels are matched by name; new names join the classes.

        Args:
            images: decoded images of the space's shape, see ``open_images``.
            progress: where to report.

        Returns:
            int64 [N], the ids of the new rows.

        Raises:
            OptionError: this very source is in the space already.
        """
        with self.changing():
            return add_images(self, images, progress)

    def encode_source(
        self,
        source: Any = None,
        *,
        labels: Any = None,
        add: bool = False,
        progress: Progress | None = None,
    ) -> Latents:
        """Encodes an image source, and puts it into the space when asked to.

        Args:
            source: anything that ``open_images`` takes; None for the space's own rows.
            labels: a labels file of the new images.
            add: also add them, see ``add``.
            progress: where to report.

        Raises:
            SourceError: the images cannot be opened.
            OptionError: ``add`` without a source, or a source that is there already.
        """
        return encode_source(self, source, labels=labels, add=add, progress=progress)

    # --- map ----------------------------------------------------------------------------

    def map(
        self,
        name: str | None = None,
        *,
        seed: int = 0,
        refresh: bool = False,
        progress: Progress | None = None,
    ) -> Map:
        """A 2-D map of the space; made and stored when it is not there yet.

        Args:
            name: ``pca``, ``tsne``, or another name in ``PROJECTIONS``; None takes the
                neighbour map that the space has, or makes the default one.
            seed: seed of the layout.
            refresh: lay it out again although it is there.
            progress: where to report.

        Raises:
            OptionError: no projection has this name.
            MissingExtraError: its package is not installed.
        """
        if name is None:
            own = [made for made in self.manifest.maps if made != "pca"]
            name = own[-1] if own else DEFAULT_MAP
        if name not in PROJECTIONS:
            raise OptionError(f"map is {name!r}; choose one of {', '.join(PROJECTIONS)}.")
        if refresh or name not in self.manifest.maps:
            with self.changing():
                make_map(self, name, seed, progress or NoProgress())
        part = self.manifest.maps[name]
        source = Path(self.manifest.sources[0].uri).name
        panels = self.scope == "per-class"
        return Map(name, self.store.map(name), self.latents, part.scores, source, panels)

    # --- sample -------------------------------------------------------------------------

    def prior(
        self,
        name: str | None = None,
        *,
        seed: int = 0,
        refresh: bool = False,
        progress: Progress | None = None,
    ) -> Prior:
        """A density over the space, global and for each class, kept in it; see ``space_prior``."""
        chosen = name or DEFAULT_PRIOR
        return space_prior(self, chosen, seed=seed, refresh=refresh, progress=progress)

    def sample(
        self,
        n: int = 64,
        label: str | Sequence[str] | None = None,
        *,
        prior: str | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Samples:
        """New images: latents drawn from a prior and decoded.

        Args:
            n: how many.
            label: a label name; several share n evenly; None draws from everything.
            prior: ``normal``, ``gaussian``, ``gmm`` (the default), ``flow`` or ``nsf``; fitted on
                first use and kept.
            temperature: scale of the deviations; below 1 images are more usual and less varied.
            seed: seed of the draw and, on first use, of the fit.
            progress: where to report.

        Raises:
            OptionError: a value outside its range, or a label that the space does not have.
        """
        fitted = self.prior(prior, seed=seed, progress=progress)
        return draw_samples(self, n, label, fitted, temperature=temperature, seed=seed)

    # --- walk, neighbours ---------------------------------------------------------------

    def walk(
        self,
        start: Query,
        end: Query = None,
        steps: int = 10,
        path: str = "linear",
        *,
        towards: str | None = None,
        strength: float = 1.0,
    ) -> Walk:
        """The way from one image to another through the latent space, or towards a class.

        Args:
            start: an id, an image, the path of one, ``"label:NAME"`` for the most central image
                of a class, or a latent vector [D].
            end: the same; None with ``towards``.
            steps: number of images, both ends included; at least 2.
            path: ``linear``; ``spherical``, which keeps the length of the vectors between those
                of the ends (Shoemake, "Animating Rotation with Quaternion Curves", 1985); or
                ``graph``, along the images that are there.
            towards: a label; the walk then leaves ``start`` in the direction that tells this
                class from that of the start.
            strength: how far it goes: 1 is the whole way between the means of the two classes.

        Raises:
            OptionError: a value outside its range, an id or label that is not there, or ends in
                spaces that nothing joins.
        """
        if (end is None) == (towards is None):
            raise OptionError(
                "a walk needs either an end (B) or a label to walk towards (--towards), not both."
            )
        if towards is not None:
            return walk_towards(self, start, towards, steps, strength)
        return walk_between(self, start, end, steps, path)

    def neighbours(self, query: Query, k: int = 10) -> NearImages:
        """The k nearest images in the latent space; in that of its class, where each has one.

        Args:
            query: as in ``walk``; the image of an id is left out itself.
            k: how many.

        Raises:
            OptionError: k below 1, or an id or label that is not there.
        """
        return near(self, query, k)

    # --- classify, find -----------------------------------------------------------------

    def classifier(
        self,
        method: str | None = None,
        *,
        labels_per_class: int | None = None,
        seed: int = 0,
        refresh: bool = False,
        progress: Progress | None = None,
    ) -> SpaceClassifier:
        """A classifier fitted on the latents and kept in the space; see ``space_classifier``."""
        return space_classifier(
            self,
            method,
            labels_per_class=labels_per_class,
            seed=seed,
            refresh=refresh,
            progress=progress,
        )

    def classify(
        self,
        images: Any,
        method: str | None = None,
        *,
        names: Sequence[str] | None = None,
        labels_per_class: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Answers:
        """Which class images show, with probabilities, and which are like nothing known.

        Args:
            images: as in ``encode``.
            method: ``linear``, ``knn``, ``bayes``, ``spread``, or ``own`` where the scope is
                per-class or conditional; None takes what suits the scope. Fitted on first use
                and kept.
            names: what the images are called; None numbers them.
            labels_per_class: learn from only so many labels of each class.
            seed: seed of the fit.
            progress: where to report.

        Raises:
            OptionError: an unknown method, or a space without labels.
            SourceError: images that cannot be read.
        """
        asked = self.classifier(
            method, labels_per_class=labels_per_class, seed=seed, progress=progress
        )
        pixels = as_pixels(images, self.shape, self.resize)
        called = [str(row) for row in range(len(pixels))] if names is None else names
        return asked.answer(pixels, called)

    def find(self, kind: str, *, seed: int = 0, progress: Progress | None = None) -> Findings:
        """Images to look at: ``duplicates``, ``outliers`` or ``mislabelled``; see ``cleaning``."""
        return find(self, kind, seed=seed, progress=progress)

    # --- measure, report ----------------------------------------------------------------

    def measure(
        self,
        parts: Sequence[str] = PARTS,
        *,
        priors: Sequence[str] | None = None,
        inception: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Score]:
        """Takes scores and keeps them in the space; see ``latlas.scoring.measure``."""
        return measure(
            self, parts, priors=priors, inception=inception, seed=seed, progress=progress
        )

    def report(self, path: str | Path) -> Path:
        """Writes one HTML page with every picture and score; see ``report_space``."""
        return report_space(self, path)

    def widget(self, *, height: int = 640, images: int | None = None) -> Any:
        """The explorer page in a notebook; see ``latlas.widget``.

        Args:
            height: of its frame in CSS pixels.
            images: how many images it carries at most; None: 20,000.

        Raises:
            MissingExtraError: the packages of ``latlas[notebook]`` are not installed.
            OptionError: fewer than one image, or the page is not built.
        """
        return notebooks.widget(self, height=height, images=images)


def open_space(folder: str | Path, device: str = "auto") -> Space:
    """Opens a space that ``fit`` made; see ``Space``."""
    return Space(folder, device)

"""An autoencoder as a scikit-learn estimator: arrays in, latent vectors out."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from latlas.contracts import TRAIN, FloatArray, Images, OptionError, Solvable
from latlas.devices import choose_device
from latlas.encode import Coder
from latlas.models import AnyModel, ModelConfig, build_model
from latlas.models.pca import PCAModel
from latlas.settings import TrainConfig
from latlas.train import train

__all__ = ["AutoEncoder"]

BATCH = 128


class AutoEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Learns a latent space of images given as rows of numbers, as scikit-learn has them.

    Each feature is scaled by its range over the training rows and taken as one pixel of a dense
    autoencoder; so any table of numbers will do, and images are flattened to rows.

    Args:
        latent_dim: D, length of a latent vector; where there are fewer features, their number.
        model: rae, ae, vae, wae or pca.
        width: size of the net; 2.0 doubles every hidden layer.
        beta: weight of the model's own term; None takes its default.
        epochs: passes over the rows; None chooses from their number.
        learning_rate: peak learning rate; None takes the model's own.
        random_state: seed, or a generator from which a seed is drawn.
        device: auto, cpu, cuda or mps.

    Attributes:
        n_features_in_: number of features P seen in ``fit``.
        model_: the trained model.
        low_, range_: float64 [P], least value and extent of each feature in training.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)
        >>> AutoEncoder(latent_dim=2, epochs=1).fit_transform(X).shape
        (1797, 2)
    """

    def __init__(
        self,
        latent_dim: int = 16,
        *,
        model: str = "rae",
        width: float = 1.0,
        beta: float | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str = "auto",
    ) -> None:
        self.latent_dim = latent_dim
        self.model = model
        self.width = width
        self.beta = beta
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Trains on rows X [N, P] of finite numbers.

        Raises:
            ValueError: X is no such array, or a setting is out of range.
        """
        if not isinstance(self.latent_dim, Integral):
            raise OptionError(f"latent_dim is {self.latent_dim!r}; it must be a whole number.")
        # One row spans no direction, and n rows no more than n.
        least = 2 if self.model == PCAModel.name else 1
        rows = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=least)
        self.low_: NDArray[np.float64] = rows.min(axis=0).astype(np.float64)
        extent = rows.max(axis=0).astype(np.float64) - self.low_
        self.range_: NDArray[np.float64] = np.where(extent > 0, extent, 1.0)
        features = rows.shape[1]
        config = ModelConfig(
            (1, features, 1),
            min(int(self.latent_dim), features, len(rows) if least > 1 else features),
            width=self.width,
            net="dense",
            beta=self.beta,
        )
        self._n_features_out = config.latent_dim
        seed = self._seed()
        self.model_: AnyModel = build_model(self.model, config, seed)
        pixels = self._pixels(rows)
        if isinstance(self.model_, Solvable):
            self.model_.solve(pixels)
        else:
            train(self.model_, _as_images(pixels), self._train_config(seed))
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Rows [M, P] -> latent vectors float32 [M, D]."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self._coder().encode(self._pixels(rows))

    def inverse_transform(self, Z: ArrayLike) -> NDArray[np.float64]:
        """Latent vectors [M, D] -> rows float64 [M, P], in the units of the training rows."""
        check_is_fitted(self)
        pixels = self._coder().decode_floats(np.asarray(Z, np.float32))
        rows: NDArray[np.float64] = pixels.reshape(len(pixels), -1).astype(np.float64)
        return rows * self.range_ + self.low_

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Share of the variance of X [M, P] that the reconstruction keeps (R^2, at most 1)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        again = self.inverse_transform(self.transform(rows))
        total = np.square(rows - rows.mean(axis=0)).sum()
        error = np.square(rows - again).sum()
        return float(1 - error / total) if total > 0 else float(error == 0)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _train_config(self, seed: int) -> TrainConfig:
        return TrainConfig(
            epochs=self.epochs,
            batch_size=BATCH,
            learning_rate=self.learning_rate,
            seed=seed,
            device=self.device,
        )

    def _coder(self) -> Coder:
        shape = (1, self.n_features_in_, 1)
        return Coder(self.model_, shape, choose_device(self.device))

    def _pixels(self, rows: NDArray[Any]) -> FloatArray:
        scaled: FloatArray = ((rows - self.low_) / self.range_).astype(np.float32)
        return scaled.reshape(len(rows), 1, -1, 1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _as_images(pixels: FloatArray) -> Images:
    count = len(pixels)
    return Images(
        pixels=pixels,
        labels=np.full(count, -1, np.int64),
        classes=(),
        splits=np.full(count, TRAIN, np.uint8),
        uris=[""] * count,
        source="rows",
        digest="rows",
    )

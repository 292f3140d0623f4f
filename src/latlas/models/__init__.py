"""The models: one class each, listed here under the name that users type."""

from __future__ import annotations

from latlas.contracts import OptionError
from latlas.models.autoencoder import AE, RAE, WAE, ModelConfig
from latlas.models.pca import PCAModel
from latlas.models.vae import VAE

__all__ = ["MODELS", "VAE", "AnyModel", "ModelConfig", "build_model"]

AnyModel = AE | RAE | VAE | WAE | PCAModel

MODELS: dict[str, type[AnyModel]] = {model.name: model for model in (RAE, AE, VAE, WAE, PCAModel)}
"""Every model by name; the first is the default."""


def build_model(name: str, config: ModelConfig) -> AnyModel:
    """Makes an untrained model.

    Args:
        name: a key of ``MODELS``.
        config: shape of the images, latent dimension and size.

    Raises:
        OptionError: no model has this name.
    """
    if name not in MODELS:
        raise OptionError(f"model is {name!r}; choose one of {', '.join(MODELS)}.")
    return MODELS[name](config)

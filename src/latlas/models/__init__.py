"""The models: one class each, listed here under the name that users type."""

from __future__ import annotations

import torch

from latlas.contracts import OptionError
from latlas.models.autoencoder import AE, RAE, WAE, ModelConfig, default_net
from latlas.models.pca import PCAModel
from latlas.models.vae import VAE

__all__ = ["MODELS", "VAE", "AnyModel", "ModelConfig", "build_model", "default_net"]

AnyModel = AE | RAE | VAE | WAE | PCAModel

MODELS: dict[str, type[AnyModel]] = {model.name: model for model in (RAE, AE, VAE, WAE, PCAModel)}
"""Every model by name; the first is the default."""


def build_model(name: str, config: ModelConfig, seed: int = 0) -> AnyModel:
    """Makes an untrained model; the global random state is left as it was.

    Args:
        name: a key of ``MODELS``.
        config: shape of the images, latent dimension and size.
        seed: seed of the first weights.

    Raises:
        OptionError: no model has this name.
    """
    if name not in MODELS:
        raise OptionError(f"model is {name!r}; choose one of {', '.join(MODELS)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name](config)

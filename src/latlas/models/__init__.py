"""The models: one class each, listed here under the name that users type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from latlas.contracts import OptionError
from latlas.models.autoencoder import AE, RAE, WAE, ModelConfig, default_net
from latlas.models.pca import PCAModel
from latlas.models.per_class import PerClass
from latlas.models.vae import VAE

__all__ = [
    "MODELS",
    "SCOPES",
    "VAE",
    "AnyModel",
    "ModelConfig",
    "PerClass",
    "build_model",
    "count_parameters",
    "default_net",
    "restore_model",
    "width_for",
]

AnyModel = AE | RAE | VAE | WAE | PCAModel

MODELS: dict[str, type[AnyModel]] = {model.name: model for model in (RAE, AE, VAE, WAE, PCAModel)}
"""Every model by name; the first is the default."""

SCOPES = ("global", "per-class", "conditional")
"""One model for all images, one for each label, or one that is told the label."""


def build_model(name: str, config: ModelConfig, seed: int = 0) -> AnyModel:
    """Makes an untrained model; the global random state is left as it was.

    Args:
        name: a key of ``MODELS``.
        config: shape of the images, latent dimension and size.
        seed: seed of the first weights.

    Raises:
        OptionError: no model has this name, or it cannot be told labels.
    """
    if name not in MODELS:
        raise OptionError(f"model is {name!r}; choose one of {', '.join(MODELS)}.")
    if name == PCAModel.name and (config.conditional or config.label_weight):
        raise OptionError("the model pca does not look at labels; choose rae, ae, vae or wae.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name](config)


def restore_model(name: str, settings: Mapping[str, Any]) -> AnyModel | PerClass:
    """An untrained model of stored ``settings``, of any scope, that takes the stored weights.

    Raises:
        OptionError, TypeError, ValueError: settings that no model has.
    """
    if "members" not in settings:
        return build_model(name, _config(settings))
    members = [build_model(name, _config(member)) for member in settings["members"]]
    owners = [int(owner) for owner in settings["owners"]]
    if not members or not owners or not all(0 <= owner < len(members) for owner in owners):
        raise ValueError("owners must name members")
    return PerClass(members, owners, settings["names"])


def _config(settings: Mapping[str, Any]) -> ModelConfig:
    known: dict[str, Any] = {**settings, "shape": tuple(settings["shape"])}
    return ModelConfig(**known)


def count_parameters(name: str, config: ModelConfig) -> int:
    """How many numbers a model learns; nothing is allocated."""
    with torch.device("meta"):
        model = MODELS[name](config)
    learnt = sum(p.numel() for p in model.parameters())
    return learnt or sum(b.numel() for b in model.buffers())


def width_for(name: str, config: ModelConfig, parameters: int) -> float:
    """The width at which a model of ``config`` has as nearly ``parameters`` as widths allow."""
    low, high = 1 / 64, 64.0

    def excess(width: float) -> int:
        return count_parameters(name, replace(config, width=width)) - parameters

    if name == PCAModel.name or excess(low) >= 0:
        return low
    while high / low > 1.002:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if excess(middle) > 0 else (middle, high)
    return min((low, high), key=lambda width: abs(excess(width)))

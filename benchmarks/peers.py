"""The peer side of the comparisons: pythae's ResNet autoencoder for MNIST, its way of training
and embedding, and the same net in the form that latlas trains. Nothing here is timed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LATENT_DIM = 16
BATCH = 100
LEARNING_RATE = 1e-3


def data_folder() -> Path:
    """Where the data sets are: `$LATLAS_DATA`.

    Raises:
        SystemExit: it is not set.
    """
    folder = os.environ.get("LATLAS_DATA", "")
    if not folder:
        raise SystemExit("set LATLAS_DATA to the folder that holds mnist/ and cifar10-jpeg.zip")
    return Path(folder).resolve()


def read_mnist(split: str) -> np.ndarray:
    """MNIST images of a split ("train" or "t10k"), uint8 [N, 28, 28], from the IDX file."""
    path = data_folder() / "mnist" / f"{split}-images-idx3-ubyte.gz"
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def as_input(pixels: np.ndarray) -> Tensor:
    """uint8 [N, 28, 28] -> float32 [N, 1, 28, 28] in 0..1."""
    return torch.from_numpy(pixels.copy()).unsqueeze(1).float().div_(255)


def resnet(seed: int) -> Any:
    """pythae's autoencoder with its ResNet nets for MNIST, D = 16."""
    from pythae.models import AE, AEConfig
    from pythae.models.nn.benchmarks.mnist import Decoder_ResNet_AE_MNIST, Encoder_ResNet_AE_MNIST

    torch.manual_seed(seed)
    config = AEConfig(input_dim=(1, 28, 28), latent_dim=LATENT_DIM)
    return AE(config, Encoder_ResNet_AE_MNIST(config), Decoder_ResNet_AE_MNIST(config))


def train_with_pythae(model: Any, x: Tensor, epochs: int, seed: int) -> Any:
    """Trains with pythae's own trainer, in the working directory; returns the best model.

    Without an evaluation set, which would only cost it time.
    """
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    config = BaseTrainerConfig(
        output_dir="pythae",
        num_epochs=epochs,
        per_device_train_batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        optimizer_cls="Adam",
        keep_best_on_train=True,
        no_cuda=True,
        seed=seed,
    )
    trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), None, config)
    trainer.train()
    return trainer._best_model.eval()


def reconstruction_mse(model: Any, x: Tensor) -> float:
    """Mean squared error per pixel of pythae's reconstructions, clamped to 0..1 as ours are."""
    with torch.inference_mode():
        total = sum(
            float((model.reconstruct(part).clamp(0, 1) - part).square().sum())
            for part in x.split(500)
        )
    return total / x.numel()


class PeerNet(nn.Module):
    """pythae's nets as a model that latlas trains and encodes with."""

    learning_rate = LEARNING_RATE
    latent_dim = LATENT_DIM

    def __init__(self, seed: int) -> None:
        super().__init__()
        model = resnet(seed)
        self.encoder, self.decoder = model.encoder, model.decoder

    def prepare(self, x: Tensor) -> None:
        """Needs nothing of the images."""

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x).embedding

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)["reconstruction"]

    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        mse = (self.decode(self.encode(x)).float() - x).square().mean()
        return {"loss": mse, "mse": mse}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.parameters()), "weight_decay": 0.0}]


def as_images(pixels: np.ndarray) -> Any:
    """uint8 [N, 28, 28] -> latlas images, all of them for training."""
    from latlas.contracts import Images

    return Images(
        pixels=pixels[..., None],
        labels=np.full(len(pixels), -1, np.int64),
        classes=(),
        splits=np.zeros(len(pixels), np.uint8),
        uris=[f"mnist/{index}" for index in range(len(pixels))],
        source="mnist",
        digest="bench",
    )

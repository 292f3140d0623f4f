"""One model for each label behind the contract of one model: the scope ``per-class``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from latlas.contracts import OptionError
from latlas.models.autoencoder import reconstruction_error

__all__ = ["PerClass"]


@final
class PerClass(nn.Module):
    """A latent space for each label, each with an encoder and a decoder of its own.

    An image of an unknown label goes to the space whose model draws it with the least squared
    error. Latents of different labels lie in different spaces and cannot be compared.

    Args:
        members: the models, all of one latent dimension.
        owners: K numbers: which member each label has; labels of few images share one.
        names: K label names, for messages.
    """

    def __init__(
        self, members: Sequence[nn.Module], owners: Sequence[int], names: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.owners, self.names = list(owners), list(names)
        first: Any = self.members[0]
        self.name: str = first.name
        self.latent_dim: int = first.latent_dim

    @property
    def classes(self) -> int:
        """K, the number of labels."""
        return len(self.owners)

    def route(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Labels int64 [B] of images [B, C, H, W] with the unknown ones (-1) decided."""
        if labels is None:
            labels = torch.full((len(x),), -1, device=x.device)
        unknown = labels < 0
        if not bool(unknown.any()):
            return labels
        seen = x[unknown]
        tried = sorted(set(self.owners))
        errors = []
        for owner in tried:
            member: Any = self.members[owner]
            errors.append(reconstruction_error(seen, member.decode(member.encode(seen))))
        first = torch.tensor([self.owners.index(owner) for owner in tried], device=x.device)
        labels = labels.clone()
        labels[unknown] = first[torch.stack(errors).argmin(0)]
        return labels

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images float [B, C, H, W] in 0..1 -> latents [B, D], each in the space of its label."""
        return self._each(self.route(x, labels), x, "encode")

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [B, D] -> images [B, C, H, W], each by the decoder of its label.

        Raises:
            OptionError: a label is unknown: nothing says which decoder is meant.
        """
        if labels is None or bool((labels < 0).any()):
            known = ", ".join(self.names[:10]) + (", ..." if len(self.names) > 10 else "")
            raise OptionError(
                "this space has a decoder for each class, and a latent vector alone does not say "
                f"which: give the label of each vector ({known})."
            )
        return self._each(labels, z, "decode")

    def _each(self, labels: Tensor, rows: Tensor, what: str) -> Tensor:
        owners = torch.tensor(self.owners, device=labels.device)[labels]
        used: list[int] = sorted(set(owners.tolist()))
        if len(used) == 1:
            only: Tensor = getattr(self.members[used[0]], what)(rows)
            return only
        out: Tensor | None = None
        for owner in used:
            own = owners == owner
            part: Tensor = getattr(self.members[owner], what)(rows[own])
            if out is None:
                out = part.new_empty((len(rows), *part.shape[1:]))
            out[own] = part
        return rows.new_empty((0, self.latent_dim)) if out is None else out

    def settings(self) -> dict[str, Any]:
        """The configuration as JSON values: each member's own, and who owns which label."""
        members: list[Any] = list(self.members)
        return {
            "members": [member.settings() for member in members],
            "owners": self.owners,
            "names": self.names,
        }

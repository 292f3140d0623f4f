"""``space.json``: what a space is, what parts it has, and what made them."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from latlas.checkpoint import read_json, write_json
from latlas.contracts import TEST, TRAIN, Images, SpaceError

__all__ = [
    "FORMAT",
    "Manifest",
    "PartInfo",
    "SourceInfo",
    "is_space",
    "read_manifest",
    "source_info",
    "versions",
]

FORMAT = 1
"""Version of the folder's layout; raised when an older latlas could not read it."""

FILE = "space.json"
PART_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class _Entry(BaseModel):
    # Fields of a later version with the same format are kept, not lost on the next write.
    model_config = ConfigDict(extra="allow")


class SourceInfo(_Entry):
    """Where some of the images came from.

    Attributes:
        uri: the source as the user named it.
        digest: digest of the source and of the options that shaped the pixels.
        images: number of images.
        train, test: images in each split.
        skipped: files that could not be decoded; ``skipped.json`` lists them.
    """

    uri: str
    digest: str
    images: int = Field(ge=0)
    train: int = Field(ge=0)
    test: int = Field(ge=0)
    skipped: int = Field(default=0, ge=0)


class PartInfo(_Entry):
    """A part on disk: its name in the tables of latlas and the digest of its files."""

    name: str = Field(pattern=PART_NAME)
    digest: str
    scores: dict[str, float] = Field(default_factory=dict)


class Manifest(_Entry):
    """The whole of ``space.json``.

    Attributes:
        format: version of the folder's layout.
        status: ``"fitting"`` until every part is there, then ``"complete"``.
        created: when the fit began, ISO 8601, UTC.
        shape: height, width, channels of the images.
        classes: label names; labels are indices into it.
        latent_dim: D.
        sources: the source of the fit first, then those that were added.
        config: the settings of the fit.
        training: what came of the training: steps, seconds, device, precision, threads.
        model: the model's part; None while it trains.
        latents_version: version of the latent table that the other parts belong to.
        maps: the maps' parts by name, in the order they were made.
        priors, classifiers: what was fitted on the latents, by name.
        made_by: versions of what computed.
    """

    format: int = FORMAT
    status: Literal["fitting", "complete"] = "fitting"
    created: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...] = ()
    latent_dim: int = Field(ge=1)
    sources: list[SourceInfo] = Field(min_length=1)
    config: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    model: PartInfo | None = None
    latents_version: int | None = None
    maps: dict[str, PartInfo] = Field(default_factory=dict)
    priors: dict[str, PartInfo] = Field(default_factory=dict)
    classifiers: dict[str, PartInfo] = Field(default_factory=dict)
    made_by: dict[str, str] = Field(default_factory=dict)

    @field_validator("maps", "priors", "classifiers")
    @classmethod
    def _parts_are_called_what_they_are(cls, parts: dict[str, PartInfo]) -> dict[str, PartInfo]:
        for name, part in parts.items():
            if name != part.name:
                raise ValueError(f"the part {name!r} is called {part.name!r} inside")
        return parts

    def write(self, folder: Path) -> None:
        """Writes ``space.json`` in one step: a crash leaves the old file or the new one.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        write_json(folder / FILE, self.model_dump(mode="json"))


def source_info(images: Images) -> SourceInfo:
    """What the manifest keeps of a source."""
    return SourceInfo(
        uri=images.source,
        digest=images.digest,
        images=len(images),
        train=int((images.splits == TRAIN).sum()),
        test=int((images.splits == TEST).sum()),
        skipped=len(images.skipped),
    )


def is_space(folder: Path) -> bool:
    """Whether a space lies in ``folder``, finished or not."""
    return (folder / FILE).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Reads ``space.json`` of the space in ``folder``.

    Raises:
        SpaceError: there is no space here, or one that is damaged or of a newer format.
    """
    if not is_space(folder):
        raise SpaceError(
            f"{folder} is not a latlas space (it has no {FILE}). Make one with: "
            "latlas fit SOURCE -o NAME.latlas"
        )
    value = read_json(folder / FILE)
    found = value.get("format") if isinstance(value, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise SpaceError(
            f"{folder} has format {found}; this latlas ({_version('latlas')}) reads up to "
            f"{FORMAT}. Update with: pip install -U latlas"
        )
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SpaceError(
            f"{folder / FILE} is damaged or was edited: {place or 'the file'}: {first['msg']}. "
            "Restore it from a copy, or fit the space again."
        ) from error


def versions() -> dict[str, str]:
    """Versions of latlas, Python and the packages that shape the numbers."""
    packages = ("latlas", "torch", "numpy", "pylance", "pillow")
    return {name: _version(name) for name in packages} | {
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"

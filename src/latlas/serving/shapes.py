"""What the routes take, with an example of each for the OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = [
    "ClassifierAsked",
    "ClassifyAsked",
    "DecodeAsked",
    "EditAsked",
    "ExplainAsked",
    "FindAsked",
    "LatentsAsked",
    "MapAsked",
    "MeasureAsked",
    "NeighboursAsked",
    "PriorAsked",
    "SampleAsked",
    "UndoAsked",
    "WalkAsked",
    "described",
    "read",
]

Asked = TypeVar("Asked", bound=BaseModel)

Label = str | int
"""A label by name, or by its place among the classes (-1: none)."""
Z = [0.3, -1.2]
Id = Annotated[int, Field(ge=-(2**63), lt=2**63)]
MOST_WITHOUT = 100_000


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


def described(shape: type[BaseModel], **others: Any) -> dict[str, Any]:
    """What OpenAPI is told of a route that reads its body itself; ``others`` by media type."""
    content = {"application/json": {"schema": shape.model_json_schema()}} | others
    return {"requestBody": {"required": True, "content": content}}


async def read(request: Request, shape: type[Asked]) -> Asked:
    """The body of a request.

    Raises:
        RequestValidationError: it is not as ``shape`` says.
    """
    try:
        return shape.model_validate_json(await request.body())
    except ValidationError as error:
        found = [entry | {"loc": ("body", *entry["loc"])} for entry in error.errors()]
        raise RequestValidationError(found) from error


class NeighboursAsked(BaseModel):
    """The images nearest to one of the space, or to a latent vector.

    Images ``without``, by id, at most 100,000 of them, are left out: the k nearest others come.
    """

    model_config = _example(id=7, k=10)
    id: int | None = None
    z: list[float] | None = None
    label: Label | None = None
    k: int = Field(10, ge=1, le=1000)
    without: list[Id] = Field([], max_length=MOST_WITHOUT)


class DecodeAsked(BaseModel):
    """Latent vectors to draw."""

    model_config = _example(z=[Z], labels=None, format="png")
    z: list[list[float]] = Field(min_length=1)
    labels: list[Label | None] | Label | None = None
    format: str = Field("raw", pattern="^(raw|png)$")


class ClassifyAsked(BaseModel):
    """Images of the space, or latent vectors."""

    model_config = _example(ids=[7, 8])
    ids: list[int] | None = None
    z: list[list[float]] | None = None


class LatentsAsked(BaseModel):
    """Images of the space."""

    model_config = _example(ids=[7, 8])
    ids: list[int]


class WalkAsked(BaseModel):
    """Two ends, or one end and a class to walk towards: an id, a vector, or ``label:NAME``.

    ``label`` is what the decoder is told of ends that are vectors; in the scope per-class it says
    whose space they lie in.
    """

    model_config = _example(start=7, end=8, steps=10, path="linear")
    start: int | str | list[float]
    end: int | str | list[float] | None = None
    label: Label | None = None
    towards: str | None = None
    strength: float = 1.0
    steps: int = Field(10, ge=2, le=512)
    path: str = "linear"


class ExplainAsked(BaseModel):
    """An image of the space that every class shall draw."""

    model_config = _example(id=7)
    id: int


class SampleAsked(BaseModel):
    """New images."""

    model_config = _example(n=16, label="3", prior="gmm", temperature=0.8, seed=0)
    n: int = Field(64, ge=1)
    label: str | Annotated[list[str], Field(min_length=1)] | None = None
    prior: str | None = None
    temperature: float = 1.0
    seed: int = Field(0, ge=0)


class FindAsked(BaseModel):
    """Images to look at: duplicates, outliers or mislabelled."""

    model_config = _example(kind="outliers", most=100)
    kind: str
    most: int = Field(1000, ge=1, le=100_000)
    seed: int = Field(0, ge=0)


class MapAsked(BaseModel):
    """A map to make: pca, tsne, umap or opentsne."""

    model_config = _example(name="tsne", seed=0)
    name: str
    seed: int = Field(0, ge=0)
    refresh: bool = False


class ClassifierAsked(BaseModel):
    """A classifier to fit: linear, knn, bayes, spread or own; null: what suits the scope."""

    model_config = _example(method="knn")
    method: str | None = None
    seed: int = Field(0, ge=0)
    refresh: bool = False


class PriorAsked(BaseModel):
    """A prior to fit: normal, gaussian, gmm, flow or nsf; null: gmm."""

    model_config = _example(name="gmm")
    name: str | None = None
    seed: int = Field(0, ge=0)
    refresh: bool = False


class MeasureAsked(BaseModel):
    """Scores to take: reconstruction, structure, classification, generation ...; null: all."""

    model_config = _example(parts=["reconstruction"])
    parts: list[str] | None = None
    seed: int = Field(0, ge=0)


class EditAsked(BaseModel):
    """A change of labels or tags, made against a revision.

    ``label`` gives a new label ("" for none), ``tag`` puts a tag on; with ``remove`` the label of
    the source comes back, or the tag is taken off.
    """

    model_config = _example(revision=0, ids=[7, 8], label="3")
    revision: int
    ids: list[int]
    label: str | None = None
    tag: str | None = None
    remove: bool = False


class UndoAsked(BaseModel):
    """The revision that the reader saw last."""

    model_config = _example(revision=3)
    revision: int

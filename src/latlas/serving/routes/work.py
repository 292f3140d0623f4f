"""Long work, as jobs: sample, find, and whatever is fitted and kept in the space."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from latlas.contracts import OptionError, Progress
from latlas.priors import DEFAULT_PRIOR
from latlas.scoring import PARTS
from latlas.serving.answers import json_answer
from latlas.serving.context import Context, Here
from latlas.serving.jobs import ENDED
from latlas.serving.routes.pictures import base64_rgba
from latlas.serving.shapes import (
    ClassifierAsked,
    FindAsked,
    MapAsked,
    MeasureAsked,
    PriorAsked,
    SampleAsked,
)
from latlas.space import Space

router = APIRouter(tags=["long work"])
LONGEST_WAIT = 25.0
LOOK_AGAIN = 0.05


@router.post("/sample", status_code=202, summary="Job: new images, drawn from a prior")
async def sample(asked: SampleAsked, here: Here) -> Response:
    """Its result: z, labels, log_density, nearest_ids, nearest_distances, images, shape.

    A prior that is not fitted yet is fitted first and kept in the space.
    """
    if asked.n > here.limits.samples:
        raise OptionError(f"n is {asked.n}; at most {here.limits.samples} are drawn at once.")
    live = await here.live()
    # Now and not in the job, so that the answer is that of every unknown name: 404.
    for label in [asked.label] if isinstance(asked.label, str) else asked.label or []:
        live.space.label_number(label)
    fitted = (asked.prior or DEFAULT_PRIOR) in live.space.manifest.priors
    if not fitted:
        here.writable()

    def work(progress: Progress) -> dict[str, Any]:
        drawn = here.served.for_work().sample(
            asked.n,
            asked.label,
            prior=asked.prior,
            temperature=asked.temperature,
            seed=asked.seed,
            progress=progress,
        )
        return {
            "z": drawn.z,
            "labels": drawn.labels,
            "log_density": drawn.log_density,
            "nearest_ids": drawn.nearest_ids,
            "nearest_distances": drawn.nearest_distances,
            "prior": drawn.prior,
        } | base64_rgba(drawn.images)

    return here.start("sample", asked.model_dump(), work, writes=not fitted)


@router.post("/find", status_code=202, summary="Job: duplicates, outliers, doubtful labels")
async def find(asked: FindAsked, here: Here) -> Response:
    """Its result: kind, found (how many there are) and the first ``most`` rows."""
    await here.live()

    def work(progress: Progress) -> dict[str, Any]:
        found = here.served.for_work().find(asked.kind, seed=asked.seed, progress=progress)
        rows = found.rows(asked.most)
        partners = found.partners.tolist() or [None] * len(rows)
        shown = [
            {"id": row.pop("id"), "partner": partner} | row
            for row, partner in zip(rows, partners, strict=False)
        ]
        return {"kind": asked.kind, "found": len(found), "rows": shown}

    return here.start("find", asked.model_dump(), work)


async def _fit(
    here: Context, kind: str, asked: Any, fit: Callable[[Space, Progress], dict[str, Any]]
) -> Response:
    """Starts work that changes the space."""
    here.writable()
    await here.live()
    return here.start(
        kind,
        asked.model_dump(),
        lambda progress: fit(here.served.for_work(), progress),
        writes=True,
    )


@router.post("/map", status_code=202, summary="Job: makes a map")
async def make_map(asked: MapAsked, here: Here) -> Response:
    """Its result: name and scores. The manifest has the map afterwards."""

    def work(space: Space, progress: Progress) -> dict[str, Any]:
        made = space.map(asked.name, seed=asked.seed, refresh=asked.refresh, progress=progress)
        return {"name": made.name, "scores": dict(made.scores)}

    return await _fit(here, "map", asked, work)


@router.post("/classifier", status_code=202, summary="Job: fits a classifier")
async def classifier(asked: ClassifierAsked, here: Here) -> Response:
    """Its result: method and scores on the held-out images."""

    def work(space: Space, progress: Progress) -> dict[str, Any]:
        made = space.classifier(
            asked.method, seed=asked.seed, refresh=asked.refresh, progress=progress
        )
        scores = space.manifest.classifiers[made.method].scores
        return {"method": made.method, "scores": dict(scores)}

    return await _fit(here, "classifier", asked, work)


@router.post("/prior", status_code=202, summary="Job: fits a prior")
async def prior(asked: PriorAsked, here: Here) -> Response:
    """Its result: name and scores on the held-out images."""

    def work(space: Space, progress: Progress) -> dict[str, Any]:
        made = space.prior(asked.name, seed=asked.seed, refresh=asked.refresh, progress=progress)
        return {"name": made.name, "scores": dict(space.manifest.priors[made.name].scores)}

    return await _fit(here, "prior", asked, work)


@router.post("/measure", status_code=202, summary="Job: takes scores")
async def measure(asked: MeasureAsked, here: Here) -> Response:
    """Its result: every score of the space afterwards."""

    def work(space: Space, progress: Progress) -> dict[str, Any]:
        taken = space.measure(asked.parts or PARTS, seed=asked.seed, progress=progress)
        return {"scores": [asdict(score) for score in taken]}

    return await _fit(here, "measure", asked, work)


# --- jobs ------------------------------------------------------------------------------------


@router.get("/jobs", summary="Every job that is known, the newest first")
async def jobs(here: Here) -> Response:
    """Jobs without their results."""
    return json_answer([job.shown() for job in here.jobs.all()])


@router.get("/jobs/{id}", summary="A job, with its result once it is done")
async def job(id: str, here: Here, wait: float = 0.0) -> Response:  # noqa: A002
    """``?wait=`` seconds answers later, as soon as the job has ended."""
    found = here.jobs.get(id)
    until = asyncio.get_running_loop().time() + min(max(wait, 0.0), LONGEST_WAIT)
    while found.state not in ENDED and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_AGAIN)
    return Response(found.body(), media_type="application/json")


@router.delete("/jobs/{id}", summary="Cancels a job")
async def cancel(id: str, here: Here, everyone: bool = False) -> Response:  # noqa: A002
    """The job as it is now. A training keeps its state, and goes on when it is asked for again.

    Equal questions are one job: it goes on while another reader who asked has not cancelled it. The
    header ``X-Reader``, any word, says who asks; ``?everyone=true`` ends it whoever asked.
    """
    return json_answer(here.jobs.cancel(id, here.reader, everyone=everyone).shown())

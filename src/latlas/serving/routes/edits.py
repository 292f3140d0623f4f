"""Relabels and tags, with undo; two tabs cannot silently overwrite each other."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from latlas.contracts import OptionError
from latlas.edits import Edits
from latlas.serving.answers import json_answer
from latlas.serving.context import Here
from latlas.serving.shapes import EditAsked, UndoAsked

router = APIRouter(tags=["labels and tags"])


@router.get("/edits", summary="The reader's labels and tags")
async def edits(here: Here) -> Response:
    """Revision, labels by id, ids by tag, and the history, the oldest change first."""
    live = await here.live()
    return json_answer(await here.quick(live.edits.state))


@router.post(
    "/edits",
    summary="Changes labels or tags",
    responses={409: {"description": "another revision is the latest; nothing was changed"}},
)
async def edit(asked: EditAsked, here: Here) -> Response:
    """Answers with the new state."""
    here.writable()
    live = await here.live()
    return json_answer(await here.quick(lambda: _changed(live.edits, asked)))


def _changed(kept: Edits, asked: EditAsked) -> dict[str, object]:
    if asked.tag is not None and asked.label is None:
        kept.tag(asked.ids, asked.tag, asked.revision, remove=asked.remove)
    elif asked.tag is None and (asked.label is not None or asked.remove):
        kept.relabel(asked.ids, None if asked.remove else asked.label, asked.revision)
    else:
        raise OptionError("give a label or a tag, one of them.")
    return kept.state()


@router.post(
    "/edits/undo",
    summary="Takes the last change back",
    responses={409: {"description": "another revision is the latest; nothing was changed"}},
)
async def undo(asked: UndoAsked, here: Here) -> Response:
    """Answers with the new state."""
    here.writable()
    live = await here.live()

    def work() -> dict[str, object]:
        live.edits.undo(asked.revision)
        return live.edits.state()

    return json_answer(await here.quick(work))


@router.get("/edits.csv", summary="Every changed image as CSV: id,uri,label,new_label,tags")
async def table(here: Here) -> Response:
    """A file to save."""
    live = await here.live()
    text = await here.quick(live.edits.csv)
    name = {"content-disposition": 'attachment; filename="labels.csv"'}
    return Response(text.encode(), headers=name, media_type="text/csv; charset=utf-8")

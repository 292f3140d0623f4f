"""The explorer page in a notebook: the same file that ``export`` writes, in a frame of its own."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

from latlas.contracts import MissingExtraError
from latlas.exporting import export_page, page_rows
from latlas.lazily import lazy_import
from latlas.space import Space
from latlas.webpage import PAGE

anywidget = lazy_import("anywidget")
traitlets = lazy_import("traitlets")

__all__ = ["widget"]

MOST_NAMED = 5

# The frame has no origin, so nothing in it reaches the notebook but by these messages.
_SCRIPT = """
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "latlas";
  frame.style.cssText = "display: block; box-sizing: border-box; width: 100%";
  frame.style.border = "1px solid #8884";
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  const size = () => (frame.style.height = `${model.get("height")}px`);
  size();
  frame.srcdoc = new TextDecoder("windows-1252").decode(model.get("page"));
  const heard = { selection: "[]", row: "-1" };
  let ready = false;
  const show = (name) => {
    const value = model.get(name);
    if (!ready || JSON.stringify(value) === heard[name]) return;
    heard[name] = JSON.stringify(value);
    frame.contentWindow.postMessage({ latlas: "show", [name]: value }, "*");
  };
  const keep = (name, value) => {
    heard[name] = JSON.stringify(value);
    model.set(name, value);
    model.save_changes();
  };
  const listen = ({ source, data }) => {
    if (source !== frame.contentWindow || !data) return;
    if (data.latlas === "ready") {
      ready = true;
      show("selection");
      show("row");
    } else if (data.latlas === "selection") keep("selection", data.ids);
    else if (data.latlas === "row") keep("row", data.id);
  };
  const changed = { selection: () => show("selection"), row: () => show("row"), height: size };
  addEventListener("message", listen);
  for (const [name, hear] of Object.entries(changed)) model.on(`change:${name}`, hear);
  el.append(frame);
  return () => {
    removeEventListener("message", listen);
    for (const [name, hear] of Object.entries(changed)) model.off(`change:${name}`, hear);
  };
}
export default { render };
"""


def widget(
    space: Space, *, height: int = 640, images: int | None = None, built: Path = PAGE
) -> Any:
    """The page of a space as a notebook widget; ``space.widget()`` is the same.

    It needs no server and works wherever the notebook is shown, with the kernel or without.

    Args:
        space: the space.
        height: of the frame in CSS pixels.
        images: how many images the page carries at most; None: 20,000, see ``export``.
        built: the folder of the built page.

    Returns:
        An ``anywidget.AnyWidget``. Its traits follow the page, and the page follows them:
        ``selection``, the list of selected ids; ``row``, the id of the image whose card is open,
        or -1; ``height``. Ids that the page does not carry are left out with a warning.

    Raises:
        MissingExtraError: the packages of ``latlas[notebook]`` are not installed.
        OptionError: fewer than one image, or the page is not built.
        SpaceError: the space is damaged.
    """
    try:
        explorer = _explorer()
    except ImportError as error:
        raise MissingExtraError("the page in a notebook", "notebook") from error
    page = export_page(space, images=images, built=built)
    rows, ids = page_rows(space, images), space.latents.ids
    carried = frozenset((ids if rows is None else ids[rows]).tolist())
    return explorer(page=page, height=height, _carried=carried)


def _carried(explorer: Any, ids: list[int]) -> list[int]:
    """Those of the ids that the page carries; a warning says which are left out."""
    known = explorer._carried
    missing = [number for number in ids if number not in known]
    if missing:
        named = ", ".join(map(str, missing[:MOST_NAMED])) + (
            ", ..." if missing[MOST_NAMED:] else ""
        )
        warnings.warn(
            f"not among the {len(known):,} images that the page carries, so left out: id {named}. "
            "A page with more of them: space.widget(images=...)",
            stacklevel=3,
        )
    return [number for number in ids if number in known]


def _selection(explorer: Any, proposal: Any) -> list[int]:
    return _carried(explorer, proposal["value"])


def _row(explorer: Any, proposal: Any) -> int:
    row: int = proposal["value"]
    if row < 0:
        return -1
    if _carried(explorer, [row]):
        return row
    before: int = explorer.row  # what is shown goes on
    return before


@cache
def _explorer() -> Any:
    """The class of the widget.

    Raises:
        ImportError: anywidget is not installed.
    """
    traits = {
        "_esm": _SCRIPT,
        "page": traitlets.Bytes().tag(sync=True),
        "height": traitlets.Int(640).tag(sync=True),
        "selection": traitlets.List(traitlets.Int()).tag(sync=True),
        "row": traitlets.Int(-1).tag(sync=True),
        "_carried": traitlets.Any(frozenset()),
        "_selection": traitlets.validate("selection")(_selection),
        "_row": traitlets.validate("row")(_row),
    }
    return type("Explorer", (anywidget.AnyWidget,), traits)

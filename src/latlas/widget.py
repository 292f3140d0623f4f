"""The explorer page in a notebook: the same file that ``export`` writes, in a frame of its own."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

from latlas.contracts import MissingExtraError
from latlas.exporting import export
from latlas.space import Space

__all__ = ["widget"]

_SCRIPT = """
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "latlas";
  frame.style.cssText = `width: 100%; height: ${model.get("height")}px; border: 1px solid #d9dee5`;
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.srcdoc = model.get("page");
  let heard = "";
  const send = (what) => frame.contentWindow?.postMessage({ latlas: "show", ...what }, "*");
  const listen = (event) => {
    if (event.source !== frame.contentWindow || !event.data) return;
    const { latlas, ids, id } = event.data;
    if (latlas === "ready") {
      const selection = model.get("selection");
      if (selection.length) send({ selection });
    } else if (latlas === "selection") {
      heard = JSON.stringify(ids);
      model.set("selection", ids);
      model.save_changes();
    } else if (latlas === "row") {
      model.set("row", id);
      model.save_changes();
    }
  };
  const changed = () => {
    const selection = model.get("selection");
    if (JSON.stringify(selection) !== heard) send({ selection });
  };
  addEventListener("message", listen);
  model.on("change:selection", changed);
  el.append(frame);
  return () => {
    removeEventListener("message", listen);
    model.off("change:selection", changed);
  };
}
export default { render };
"""


def widget(space: Space, *, height: int = 640, images: int | None = None) -> Any:
    """The page of a space as a notebook widget; ``space.widget()`` is the same.

    It needs no server and works wherever the notebook is shown. Its trait ``selection`` is the
    list of selected ids, from either side; ``row`` the id of the image whose card is open, or -1.

    Args:
        space: the space.
        height: of the frame in CSS pixels.
        images: how many images the page carries at most; None: 20,000, see ``export``.

    Raises:
        MissingExtraError: the packages of ``latlas[notebook]`` are not installed.
        OptionError: fewer than one image, or the page is not built.
    """
    try:
        anywidget = importlib.import_module("anywidget")
        traitlets = importlib.import_module("traitlets")
    except ImportError as error:
        raise MissingExtraError("the page in a notebook", "notebook") from error
    with tempfile.TemporaryDirectory() as folder:
        [file] = export(space, Path(folder) / "page.html", images=images)
        page = file.read_text(encoding="utf-8")
    traits = {
        "_esm": _SCRIPT,
        "page": traitlets.Unicode(page).tag(sync=True),
        "height": traitlets.Int(height).tag(sync=True),
        "selection": traitlets.List(traitlets.Int(), default_value=[]).tag(sync=True),
        "row": traitlets.Int(-1).tag(sync=True),
    }
    return type("Explorer", (anywidget.AnyWidget,), traits)()

"""HTML built so that no text gets onto the page without being escaped."""

from __future__ import annotations

import html
import unicodedata
from typing import NewType

__all__ = ["Html", "element", "joined", "paragraphs", "text"]

Html = NewType("Html", str)
"""Text that is HTML already. Only this module makes it, so the type checker guards the rest."""

_VOID = frozenset({"img", "link", "meta"})


def text(value: str) -> Html:
    """Any string as HTML that shows just that string.

    Control characters and lone surrogates, which HTML cannot hold, become U+FFFD.
    """
    kept = (
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c
        for c in str(value)
    )
    return Html(html.escape("".join(kept), quote=True))


def element(name: str, *children: Html, **attributes: str | int | None) -> Html:
    """One element with its children.

    Args:
        name: tag, in lower case.
        *children: what is inside.
        **attributes: values are escaped, those that are None left out; ``class_`` is ``class``
            and ``aria_label`` is ``aria-label``.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>" + ("" if name in _VOID else f"{''.join(children)}</{name}>"))


def joined(*parts: Html, by: str = "\n") -> Html:
    """Parts one after the other; empty ones are left out."""
    return Html(by.join(part for part in parts if part))


def paragraphs(value: str, **attributes: str | int | None) -> Html:
    """One ``<p>`` for each block of text between empty lines."""
    blocks = (" ".join(block.split()) for block in value.replace("\r\n", "\n").split("\n\n"))
    return joined(*(element("p", text(block), **attributes) for block in blocks if block))

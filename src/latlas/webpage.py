"""The built page: the files that ``make web`` makes and the wheel carries."""

from __future__ import annotations

from pathlib import Path

from latlas.contracts import OptionError

__all__ = ["PAGE", "page_file"]

PAGE = Path(__file__).parent / "page"
"""The folder of the built page."""


def page_file(name: str, folder: Path = PAGE) -> bytes:
    """The bytes of one file of the page.

    Raises:
        OptionError: the page is not built.
    """
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise OptionError(
            f"the page is not built: {folder / name} is missing. In a clone of the sources build "
            "it with: make web. A wheel carries it; install latlas again."
        ) from error

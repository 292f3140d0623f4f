"""Relabels and tags: a layer over the space, beside the original labels, with undo.

The layer is one file, ``edits/log.jsonl``: a line of JSON for each change, appended and forced to
the disk. Nothing else of the space is touched. What holds is what the lines say from first to
last; undo is a line too. A line that a crash cut short is no line: it is dropped by the next
change. Whoever changes something says which revision it was made against, and an old one is
refused, so that two tabs (or processes) cannot silently overwrite each other.
"""

from __future__ import annotations

from latlas.edits.changes import Change, StaleError
from latlas.edits.layer import FOLDER, LOG, Edits

__all__ = ["FOLDER", "LOG", "Change", "Edits", "StaleError"]

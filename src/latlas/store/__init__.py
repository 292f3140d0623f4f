"""The latent store: one row for each image, in an embedded, versioned table.

``table.py`` is the store itself; ``columns.py`` holds the table's columns and their way from numpy
to Arrow and back; ``disk.py`` forces commits to the disk and puts the errors of Lance into words.
Nothing outside this folder touches Lance.
"""

from latlas.store.table import LatentStore

__all__ = ["LatentStore"]

"""The nouns of latlas: start reading here.

Images go in, an encoder turns each into one latent vector ``z`` of dimension D,
a decoder turns vectors back into images. Everything else works on arrays of latents.

    image source -> Images -> Encoder -> Latents -> map, prior, classifier -> scores, pictures

These files hold the contracts between the rooms of the house and nothing that computes:
``records`` the named results, ``models`` what a model must do, ``fitted`` what is fitted on
latents, ``reports`` where work reports to, ``errors`` the tree below.

Errors
------
LatlasError
├── UserError              the user can mend it: exit code 2
│   ├── SourceError        the images cannot be opened as asked
│   ├── OptionError        an argument is out of its range (also a ValueError)
│   ├── SpaceError         not a space, half-written, damaged, or of a newer format
│   └── MissingExtraError  an optional package is not installed
└── RunError               the work itself failed: exit code 1
    ├── TrainingError      the loss left the numbers (NaN or infinite)
    └── StorageError       the disk is full or cannot be written

Every message says what was got, what was expected and what to do.
"""

from __future__ import annotations

from latlas.contracts.errors import (
    LatlasError,
    MissingExtraError,
    OptionError,
    RunError,
    SourceError,
    SpaceError,
    StorageError,
    TrainingError,
    UserError,
)
from latlas.contracts.fitted import (
    Classifier,
    Prior,
    Projection,
)
from latlas.contracts.models import (
    Decoder,
    Encoder,
    Solvable,
    Trainable,
)
from latlas.contracts.records import (
    SPLITS,
    TEST,
    TRAIN,
    FloatArray,
    Images,
    IntArray,
    LatentRows,
    Latents,
    Score,
    Skipped,
    UInt8Array,
)
from latlas.contracts.reports import (
    NoProgress,
    Progress,
    Stage,
)

__all__ = [
    "SPLITS",
    "TEST",
    "TRAIN",
    "Classifier",
    "Decoder",
    "Encoder",
    "FloatArray",
    "Images",
    "IntArray",
    "LatentRows",
    "Latents",
    "LatlasError",
    "MissingExtraError",
    "NoProgress",
    "OptionError",
    "Prior",
    "Progress",
    "Projection",
    "RunError",
    "Score",
    "Skipped",
    "Solvable",
    "SourceError",
    "SpaceError",
    "Stage",
    "StorageError",
    "Trainable",
    "TrainingError",
    "UInt8Array",
    "UserError",
]

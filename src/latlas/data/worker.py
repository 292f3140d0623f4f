"""A decoding process: ``python -m latlas.data.worker``, started by ``decode.py``."""

from __future__ import annotations

from latlas.data.decode import serve
from latlas.data.source import encoded_format

if __name__ == "__main__":
    serve(encoded_format)

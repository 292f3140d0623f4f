"""``python -m latlas`` is the command ``latlas``."""

from latlas.cli import main

main()

"""``python -m controller``: the same as ``tapeline``."""

from .cli import main

main()

"""`python -m pipeline.cli` is `sichtflug`."""

from pipeline.cli import main

main()

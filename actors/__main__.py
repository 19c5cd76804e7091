"""`python -m actors` is `trunkline`."""

from actors.cli import main

main()

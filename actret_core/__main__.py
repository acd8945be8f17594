"""`python -m actret_core`: see `cli`."""

from actret_core.cli import main

main()

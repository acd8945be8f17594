"""`python -m actret_core`: the same as `actret`."""

from actret_core.cli.main import main

main()

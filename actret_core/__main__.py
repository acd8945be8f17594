"""`python -m actret_core`: see `actret_core.cli`."""

from actret_core.cli.main import main

main()

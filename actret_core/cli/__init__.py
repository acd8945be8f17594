"""The command line: `actret`, or `python -m actret_core`."""

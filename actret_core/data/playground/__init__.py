"""The embedded data set: drawn scenes of twelve actions that differ in pose, objects or setting."""

from actret_core.data.playground.actions import PLAYGROUND_ACTIONS, PLAYGROUND_CAPTIONS
from actret_core.data.playground.write import playground_root, write_playground

__all__ = ["PLAYGROUND_ACTIONS", "PLAYGROUND_CAPTIONS", "playground_root", "write_playground"]

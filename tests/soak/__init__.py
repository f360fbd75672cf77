"""The sidecar for half an hour at fast polling, and whether it stays as small as it was."""

"""Leading-indicator monitoring for vLLM: the sidecar exporter."""

__version__ = "0.1.0"
SCHEMA_VERSION = 1
"""Version of the exported series (names, types, labels). Rules and boards are written against it."""

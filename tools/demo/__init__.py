"""Plays an incident on this machine: an engine, its sidecar and a Prometheus, with a timeline of what moves first."""

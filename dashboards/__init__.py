"""Grafana boards: `source/` is typed Python, the JSON files beside it are rendered from it."""

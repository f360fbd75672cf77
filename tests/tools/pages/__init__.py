"""Writes `/metrics` pages as named vLLM releases would show them, with the truth each page encodes beside it.

The pages are committed under `tests/fixtures/pages/written`; `python -m tests.tools.pages --check` proves
that they equal what the catalogue gives.
"""

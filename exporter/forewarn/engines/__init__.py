"""Adapters: one engine kind each, from its page to canonical signals."""

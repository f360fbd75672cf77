"""Thousands of damaged pages and requests, the same ones for the same seed."""

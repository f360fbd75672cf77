"""A real vLLM on a CPU, with no weights: install it, start it, load it."""

"""A simulated vLLM 0.32.0 server: the scheduler's arithmetic and the metrics page, without a model."""

"""A simulated vLLM server: the scheduler's arithmetic and the metrics page, without a model."""

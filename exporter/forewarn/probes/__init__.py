"""Active looks at the engine: liveness, warm-up and golden prompts, in a thread beside the polling."""

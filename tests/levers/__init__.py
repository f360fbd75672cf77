"""The degradation levers: their arithmetic, and what they do to requests through a real LiteLLM proxy."""

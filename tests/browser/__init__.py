"""The status page in real Chromium, fed with scenes instead of an engine."""

"""`forewarn gate`: canary against stable, guardrail by guardrail, with the noise that real traffic has."""

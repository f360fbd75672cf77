"""Tests, by what they need: unit, rules, deploy, browser, e2e, vllm."""

"""Benchmarks: side by side in one run, interleaved, medians and ratios (docs/benchmarks.md)."""

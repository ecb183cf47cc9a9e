"""Benchmarks of other projects (asv, pytest-benchmark), as a runner finds and measures them."""

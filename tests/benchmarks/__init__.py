"""Tests of the benchmarks: what they measure is equal work; no test asserts a time."""

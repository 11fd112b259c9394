"""Comparison of several runs: means over seeds, differences, intervals, and p-values.

It reads finished runs and trains nothing; experiments/comparison plans and starts the runs.
"""

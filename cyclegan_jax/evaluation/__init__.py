"""Measurement of a trained model on a split of its data, beside trivial baselines.

`evaluate.evaluate` measures, and `results` makes the content of metrics.json of that. No file is
written here.
"""

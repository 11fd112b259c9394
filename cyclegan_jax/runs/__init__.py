"""A run on the disk: its folder, the lock on it, and a reader of its results.

Checkpoints are in training/checkpoint.py.
"""

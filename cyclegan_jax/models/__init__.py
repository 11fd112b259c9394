"""Generators and discriminators in Flax NNX, and the one way to build and apply them.

`networks.build` makes a run's networks, and `apply` translates batches with trained weights.
"""

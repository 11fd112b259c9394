"""Whether generated IR images are of use: a small network learns from them, is tested on real IR.

The network is an instrument, not a model to be beaten: what counts is how its score changes with
the images that it learns from.
"""

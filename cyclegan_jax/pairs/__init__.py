"""Checks of image pairs: shifted, mixed up, repeated, in false color, or without content.

`check` looks at one pair, `dataset_check` at all pairs of a data set, and `alignment` finds shifts.
"""

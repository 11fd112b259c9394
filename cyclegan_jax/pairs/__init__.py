"""Checks of image pairs: shifted, turned, mixed up, repeated, damaged, or without content.

`check` looks at one pair, `dataset_check` at all pairs of a data set, and `repair` writes a copy in
which they are mended. `alignment` finds shifts, `byte_order` swapped bytes, `polarity` white-hot
and black-hot images in one set; `flags` has the flags and their limits.
"""

"""Translation of a large image in tiles, with the result of the whole image.

A tile on its own differs from the same part of the whole image in two ways:

- Near a tile's edge the network sees padding instead of the image. `receptive_field` computes how
  far an output pixel sees. `tiles` makes neighbors overlap by twice that distance and drops every
  pixel that an edge can have changed.
- Instance norm normalizes with the mean and variance of the tile instead of the whole image.
  `instance_norm` measures these moments over all tiles first, norm by norm, and then translates
  each tile with them.

With enough overlap, both are exact. With less, neighbors are blended so that no seam shows.
"""

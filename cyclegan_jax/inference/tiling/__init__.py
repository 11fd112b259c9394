"""Translation of a large image in tiles, with the result of the whole image.

A tile on its own differs from the same part of the whole in two ways. Near its edge the network
sees padding: `tiles` drops every pixel that it can have changed, as far as `receptive_field` says.
Instance norm normalizes with the moments of the tile: `tiled` measures the whole image's first.
"""

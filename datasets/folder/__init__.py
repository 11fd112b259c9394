"""Your own images: RGB and thermal infrared, from a folder."""

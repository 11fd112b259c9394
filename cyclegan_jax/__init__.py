"""CycleGAN and its paired peers for RGB to thermal infrared translation, in JAX."""

"""Convolutions in the forms in which XLA's CPU backend computes them fast.

On other backends they are the plain operations of `jax.lax`. Nothing else of the library is
imported.
"""

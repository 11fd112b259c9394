"""Figures of merit of images and of whole collections of images, and statistics over runs.

The functions take arrays and return numbers. Of the rest of the library, they import only the
errors and the array types.
"""

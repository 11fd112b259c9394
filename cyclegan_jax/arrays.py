"""Array types that carry their shapes; the tests check them at run time (jaxtyping, beartype).

A name stands for the same size in all arguments and results of one call.
"""

from typing import TYPE_CHECKING

from jaxtyping import Array, Bool, Float
import numpy as np

# Under jit, arrays are JAX's; the tests also give NumPy's.
if TYPE_CHECKING:
  AnyArray = Array
else:
  AnyArray = Array | np.ndarray

# Network values in [-1, 1], or float32 pixels.
Images = Float[AnyArray, 'batch height width channels']
# True where a pixel counts.
Mask = Bool[AnyArray, 'batch height width 1']
# Activations of several layers, each of its own height, width and channels.
Features = tuple[Float[AnyArray, 'batch _ _ _'], ...]
# One value per image.
PerImage = Float[Array, ' batch']
Scalar = Float[Array, '']

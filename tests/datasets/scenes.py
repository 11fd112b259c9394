"""Small made-up scenes: RGB and IR share edges, but brightness says nothing about warmth."""

import numpy as np

_COLORS = np.array([[70, 90, 140], [180, 170, 150], [60, 120, 50], [200, 60, 50], [40, 40, 45]])
_WARMTH = np.array([30, 110, 70, 220, 160])


def scene(seed: int, height: int = 96, width: int = 96) -> tuple[np.ndarray, np.ndarray]:
  """Returns uint8 RGB [height, width, 3] and uint8 IR [height, width, 1] of rectangles."""
  rng = np.random.default_rng(seed)
  material = np.zeros((height, width), int)
  for _ in range(14):
    top, left = rng.integers(0, height - 8), rng.integers(0, width - 8)
    tall, wide = rng.integers(6, height // 2), rng.integers(6, width // 2)
    material[top : top + tall, left : left + wide] = rng.integers(5)
  rgb = _COLORS[material] + rng.normal(0, 3, (height, width, 1))
  ir = _WARMTH[material] + rng.normal(0, 2, (height, width))
  return tuple(a.clip(0, 255).round().astype(np.uint8) for a in (rgb, ir[..., np.newaxis]))

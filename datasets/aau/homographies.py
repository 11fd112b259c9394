"""Finds out how calibVars.yml stacks its homographies, and which way they map."""

import numpy as np

_ROUND_TRIP_SHARE = 0.1  # of the width: how far planarHomInv may miss undoing planarHom
_CONFIRMED_SHARE = 0.05  # of the width: how far a depth center may be from its image


def find(fields, cameras, centers, width, height):
  """Finds how the homographies are stacked and which way they map.

  planarHomInv has to undo planarHom, and a plane's center seen by the RGB camera has to
  map to the same center seen by the thermal camera.

  Returns:
    (RGB to thermal, float64 [planes, 3, 3]; notes, list)
  """
  options = _options(fields, len(centers[0]), width, height)
  if len(centers[1]) != len(centers[0]):
    raise fields.error(
      'homDepthCentersT',
      f'{len(centers[1])} centers',
      f'{len(centers[0])}, as in homDepthCentersRgb',
    )
  seen = [(center @ camera.T)[:, :2] / center[:, 2:] for camera, center in zip(cameras, centers)]
  misses = [_miss(_project(option, seen[0][:, None]), seen[1][:, None]) for _, option in options]
  best, *others = sorted(misses)
  if best < _CONFIRMED_SHARE * width and (not others or best < 0.5 * others[0]):
    return options[misses.index(best)][1], []
  name, option = options[0]
  return option, [
    f'{fields.path}: planarHom is taken to be {name}, from RGB to thermal, but the depth centers '
    f'do not confirm it: they are {misses[0]:.1f} pixels off in the median.'
  ]


def _options(fields, planes, width, height):
  """Pairs (layout, RGB to thermal [planes, 3, 3]), different ones, the likeliest first."""
  keys = ('planarHom', 'planarHomInv')
  layouts = [_layouts(fields.array(key)) for key in keys]
  for key, found in zip(keys, layouts):
    if not any(len(stack) == planes for stack in found.values()):
      raise fields.error(
        key,
        f'shape {shape_text(fields.array(key))}',
        f'{planes} homographies, as many as homDepthCentersRgb has: 3x3N, 3Nx3, 9xN or Nx9',
      )
  # The middle of the image: far outside the calibrated plane the two may well differ.
  middle = np.stack(
    np.meshgrid(*np.linspace((width / 4, height / 4), (3 * width / 4, 3 * height / 4), 3).T), -1
  )
  middle = np.broadcast_to(middle.reshape(1, -1, 2), (planes, 9, 2))
  options = []
  for name, forward in layouts[0].items():
    back = layouts[1].get(name)
    if back is None or len(forward) != planes or len(back) != planes:
      continue
    if _miss(_project(back, _project(forward, middle)), middle) < _ROUND_TRIP_SHARE * width:
      options += [
        (name, new)
        for new in (forward, back)
        if not any(np.allclose(new, old) for _, old in options)
      ]
  if not options:
    raise fields.error('planarHomInv', 'does not undo planarHom in any layout', 'its inverse')
  return options


def _layouts(array) -> dict[str, np.ndarray]:
  """Everything that an array can be read as: layout -> [planes, 3, 3]."""
  stacks = {}
  shape = array.shape
  if array.ndim == 3 and shape[1:] == (3, 3):
    stacks['a list of 3x3'] = array
  if array.ndim == 2 and shape[0] == 3 and shape[1] % 3 == 0:
    stacks['3x3N'] = array.reshape(3, -1, 3).swapaxes(0, 1)
  if array.ndim == 2 and shape[1] == 3 and shape[0] % 3 == 0:
    stacks['3Nx3'] = array.reshape(-1, 3, 3)
  for name, flat in (('Nx9', array), ('9xN', array.T)):
    if array.ndim == 2 and flat.shape[1] == 9:
      stacks[f'{name}, row by row'] = flat.reshape(-1, 3, 3)
      stacks[f'{name}, column by column'] = flat.reshape(-1, 3, 3).swapaxes(1, 2)
  return {
    name: stack / stack[:, 2:, 2:]
    for name, stack in stacks.items()
    if np.abs(stack[:, 2, 2]).min() > 1e-12
  }


def _project(homographies, points):
  """Maps points [planes, n, 2], each plane's by its homography [planes, 3, 3]."""
  mapped = points @ homographies[:, :, :2].swapaxes(1, 2) + homographies[:, None, :, 2]
  with np.errstate(divide='ignore', invalid='ignore'):
    return mapped[..., :2] / mapped[..., 2:]


def _miss(points, targets) -> float:
  """Median distance in pixels, infinite where points are not finite."""
  distances = np.linalg.norm(points - targets, axis=-1)
  return float(np.median(np.where(np.isfinite(distances), distances, np.inf)))


def shape_text(array) -> str:
  return 'x'.join(map(str, array.shape)) or '1'

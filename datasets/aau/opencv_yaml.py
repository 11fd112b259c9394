"""Reads OpenCV's YAML files, refusing what makes OpenCV's parser crash or hang."""

from collections.abc import Collection
import re
from typing import Any

import numpy as np

from cyclegan_jax.errors import UserError
from datasets.aau.points import opencv

_MAX_OPENED = 4000


class Fields:
  """The values of a file by key, checked.

  Attributes:
    unknown: keys that were not expected.
  """

  def __init__(self, path: str, content: bytes, keys: Collection[str]):
    """Opens the content of a file, whose path is for messages.

    Raises:
      UserError: it is not OpenCV YAML, lacks a key or has one twice; or OpenCV is missing.
    """
    self._path = path
    self._storage = _open(path, content)
    names = self._storage.root().keys()
    if missing := sorted(set(keys).difference(names)):
      raise UserError(f'{path}: no key {", ".join(missing)}; expected a complete file.')
    for name in sorted(keys):
      if names.count(name) > 1:
        raise self.error(name, 'appears twice', 'once')
    self.unknown = sorted(set(names).difference(keys))

  def error(self, key: str, found: str, expected: str) -> UserError:
    """Returns an error that names the file and the key."""
    return UserError(f'{self._path}: {key}: {found}; expected {expected}.')

  def wrong_shape(self, key: str, value: np.ndarray, expected: str) -> UserError:
    """Returns an error that shows a value's shape."""
    return self.error(key, f'shape {"x".join(map(str, value.shape)) or 1}', expected)

  def array(self, key: str, shape: tuple[int, ...] | None = None, expected: str = '') -> np.ndarray:
    """Returns a number, matrix, list of numbers or list of equal matrices as a float64 array.

    UserError if the value is none of these, not finite, or of another shape than expected.
    """
    try:
      value = np.asarray(_node_value(self._storage.getNode(key)), np.float64)
    except (opencv().error, SystemError, ValueError, RecursionError) as error:
      raise self.error(key, 'not readable', 'a number or a matrix, complete') from error
    if not np.isfinite(value).all():
      raise self.error(key, 'holds values that are not finite', 'finite numbers')
    if shape is not None and value.shape != shape:
      raise self.wrong_shape(key, value, expected or 'x'.join(map(str, shape)))
    return value

  def number(self, key: str) -> float:
    """Returns a number; UserError if the value is anything else."""
    value = self.array(key)
    if value.size != 1:
      raise self.wrong_shape(key, value, 'one number')
    return float(value.item())

  def integer(self, key: str, least: int, most: int) -> int:
    """Returns an integer from `least` to `most`; UserError if the value is anything else."""
    value = self.number(key)
    if value != int(value) or not least <= value <= most:
      raise self.error(key, f'{value:g}', f'an integer from {least} to {most}')
    return int(value)


def _open(path: str, content: bytes) -> Any:
  """The file as a cv2.FileStorage."""
  cv2 = opencv()
  try:
    text = content.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    raise UserError(f'{path}: not a text file; expected OpenCV YAML.') from error
  if not text.startswith('%YAML'):
    raise UserError(f'{path}: expected OpenCV YAML, which starts with "%YAML".')
  # Deep nesting overflows the parser's stack and !!binary can make it loop forever. Counting what
  # opens anything bounds the nesting, whatever the quoting.
  if text.count('[') + text.count('{') > _MAX_OPENED or re.search(
    r'[\0-\10\13\14\16-\37]|!!binary|-[ \t]+-[ \t]+-|\n[ \t]{200}', text
  ):
    raise UserError(f'{path}: not a calibration: too deeply nested, or with binary parts.')
  try:
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    if not storage.root().isMap():
      raise UserError(f'{path}: expected keys and values at the top level.')
    return storage
  except (cv2.error, SystemError) as error:
    raise UserError(
      f'{path}: OpenCV cannot parse it; it is damaged or cut off: download it again.'
    ) from error


def _node_value(node: Any) -> Any:
  if node.isInt() or node.isReal():
    return node.real()
  if node.isSeq():
    return [_node_value(node.at(i)) for i in range(node.size())]
  if not node.isMap():
    raise ValueError
  rows, columns, data = (node.getNode(name) for name in ('rows', 'cols', 'data'))
  channels = re.fullmatch(r'(\d{0,2})[ucswifd]', node.getNode('dt').string())
  # OpenCV allocates what the header promises before it looks at the data.
  if not (
    rows.isInt()
    and columns.isInt()
    and data.isSeq()
    and channels
    and min(rows.real(), columns.real()) >= 0
    and rows.real() * columns.real() * int(channels[1] or 1) == data.size()
  ):
    raise ValueError
  return node.mat() if data.size() else []

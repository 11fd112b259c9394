"""Pillow's warnings with the name of the file that they are about."""

import pathlib
import sys
import threading
from typing import Any
import warnings

import PIL

from cyclegan_jax.image_files import decoding

_PILLOW = str(pathlib.Path(PIL.__file__).parent)
_lock = threading.Lock()
_said: set[tuple[str, str]] = set()


def install() -> None:
  """Prints Pillow's warnings from now on as one line each with the file's name, once per file.

  A warning about no image that is being read here stays as Python shows it.
  """
  shown = warnings.showwarning

  def show(message: Any, category: Any, filename: str, *rest: Any, **more: Any) -> None:
    name = decoding.current_name()
    if not name or not filename.startswith(_PILLOW):
      shown(message, category, filename, *rest, **more)
      return
    text = ' '.join(str(message).split())
    with _lock:
      is_new = (name, text) not in _said
      _said.add((name, text))
    if is_new:
      print(f'Warning: {name}: {text}', file=sys.stderr)

  warnings.showwarning = show
  # By default Python shows a warning once, whatever file it is about.
  warnings.filterwarnings('always', module=r'PIL\.')

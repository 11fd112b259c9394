"""Layers of a module put in the place of others."""

from collections.abc import Callable
from typing import Any

from flax import nnx


def replace(module: nnx.Module, kind: type, make: Callable[[Any], Any]) -> None:
  """Puts `make(layer)` in the place of each layer of a kind, in a module that is changed."""
  modules: dict[tuple, Any] = dict(nnx.iter_modules(module))
  for path, part in modules.items():
    if isinstance(part, kind):
      owner, name = modules[path[:-1]], path[-1]
      if isinstance(owner, nnx.List):
        owner[name] = make(part)
      else:
        setattr(owner, name, make(part))

"""TFDS builders of the data sets, and one way to open any of them.

`load` and `open_dataset` import TFDS at their first use, so that the commands' `--help` answers at
once. `import datasets.loading` registers the builders with TFDS. Preparing writes array_record
files; neither that nor reading them needs TensorFlow.
"""

from typing import Any, TYPE_CHECKING

from datasets.registry import DATASETS

if TYPE_CHECKING:
  from datasets.loading import load, open_dataset

__all__ = ['DATASETS', 'load', 'open_dataset']


def __getattr__(name: str) -> Any:
  if name not in ('load', 'open_dataset'):
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  from datasets import loading

  return getattr(loading, name)

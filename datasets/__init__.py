"""TFDS builders of the data sets, and one way to open any of them.

`import datasets` registers the builders with TFDS. Preparing writes array_record files and
reading them needs no TensorFlow.
"""

from datasets.loading import load, NAMES, open_dataset

__all__ = ['NAMES', 'load', 'open_dataset']

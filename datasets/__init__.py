"""TFDS builders of the data sets, and one way to open any of them.

`import datasets` registers the builders with TFDS. Preparing writes array_record files and
reading them needs no TensorFlow.
"""

from datasets.folder import folder_dataset_builder as _folder
from datasets.loading import load, NAMES, open_dataset
from datasets.synthetic import synthetic_dataset_builder as _synthetic

__all__ = ['load', 'NAMES', 'open_dataset']

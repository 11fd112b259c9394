"""Flags for what only a person knows about a model: the fields of its model card."""

import pathlib
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
  from cyclegan_jax.inference.model_card import Given

_NAME = flags.DEFINE_string('name', None, 'Name of the model. [name of the run folder]')
# The other fields of `inference.model_card.Given`.
_FIELDS = (
  flags.DEFINE_string('author', '', 'Who answers for the model, and how to reach them.'),
  flags.DEFINE_string(
    'license',
    '',
    'License of the model, as a model hub abbreviates it: apache-2.0, cc-by-nc-4.0, other, ...',
  ),
  flags.DEFINE_string('data_source', '', 'Where the training images come from.'),
  flags.DEFINE_string('data_license', '', 'License of the training images.'),
  flags.DEFINE_string('hardware', '', 'What the model was trained on.'),
)


def given(workdir: pathlib.Path) -> 'Given':
  """Returns what the flags say about the model of a run folder."""
  from cyclegan_jax.inference import model_card

  fields = {flag.name: flag.value for flag in _FIELDS}
  return model_card.Given(_NAME.value or workdir.resolve().name, **fields)


def print_missing(fields: 'Given') -> None:
  """Prints which fields are to be filled in."""
  if fields.empty():
    missing = ', '.join(f'--{name}' for name in fields.empty())
    print(f'Fill in before you publish it: {missing}.')

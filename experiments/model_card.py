"""Writes a model card: what a trained model is, what it can and cannot do, ready for a model hub.

  python -m experiments.model_card --workdir=RUN --output=README.md --license=apache-2.0 \\
      --author='A. Name' --data_source='RoadScene' --data_license='...' --hardware='1 GPU'

Everything but these fields comes from the run folder: settings, data, figures beside the baselines
(of experiments.evaluate), cost. Fields that you do not give are marked FILL IN, and named at the
end. The front matter is that of Hugging Face's model cards.
"""

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common

_CHECKPOINT = common.define_checkpoint_flag()
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string('output', None, 'Markdown file to write, such as README.md.')
_NAME = flags.DEFINE_string('name', None, 'Name of the model. [name of the run folder]')
# The other fields of `inference.model_card.Given`.
_FIELDS = {
  'author': 'Who answers for the model, and how to reach them.',
  'license': 'License of the model, as a model hub abbreviates it: apache-2.0, cc-by-nc-4.0, '
  'other, ...',
  'data_source': 'Where the training images come from.',
  'data_license': 'License of the training images.',
  'hardware': 'What the model was trained on.',
}
_GIVEN = {name: flags.DEFINE_string(name, '', text) for name, text in _FIELDS.items()}
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace an existing file.')


def main() -> None:
  """Writes the card and lists what is missing from it."""
  workdir = common.workdir()
  output = common.path(_OUTPUT.value)
  if output is None:
    raise UserError('--output is missing: give the Markdown file to write, such as README.md.')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import files
  from cyclegan_jax.inference import export, model as model_lib, model_card
  from cyclegan_jax.runs import next_step, reader

  export.check_output(output, _OVERWRITE.value)
  found = next_step.splits_of(workdir)
  (run,) = reader.read([workdir], next_step.measured_split(found), _CHECKPOINT.value)
  fields = {name: flag.value for name, flag in _GIVEN.items()}
  given = model_card.Given(_NAME.value or workdir.resolve().name, **fields)
  card = model_card.text(model_lib.load(workdir, _CHECKPOINT.value), run, given)
  try:
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(output, card)
  except OSError as error:
    raise UserError(f'--output={output} cannot be written: {error.strerror}.') from error
  print(f'Wrote {output}.')
  if given.empty():
    missing = ', '.join(f'--{name}' for name in given.empty())
    print(f'Fill in before you publish it: {missing}.')
  if not run.measurements:
    then = next_step.evaluate(workdir, found, checkpoint=_CHECKPOINT.value)
    print(f'No figures yet: run {then}')


if __name__ == '__main__':
  common.run(main)

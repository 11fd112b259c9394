"""Writes a model card: what a trained model is, what it can and cannot do, ready for a model hub.

  python -m experiments.model_card --workdir=RUN --output=README.md --license=apache-2.0 \\
      --author='A. Name' --data_source='RoadScene' --data_license='...' --hardware='1 GPU'

All but these fields is read from the run folder: settings, data, figures beside the baselines (of
experiments.evaluate), cost. Fields that are not given are marked FILL IN, and named at the end. The
front matter is that of Hugging Face's model cards.
"""

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common

_CHECKPOINT = common.define_checkpoint_flag()
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string('output', None, 'The Markdown file to write, such as README.md.')
_NAME = flags.DEFINE_string('name', None, 'What the model is called. Left out: as its run folder.')
_AUTHOR = flags.DEFINE_string('author', '', 'Who answers for the model, and how to reach them.')
_LICENSE = flags.DEFINE_string(
  'license',
  '',
  "The model's license, as a model hub abbreviates it, such as apache-2.0, cc-by-nc-4.0 or other.",
)
_DATA_SOURCE = flags.DEFINE_string('data_source', '', 'Where the images of the training come from.')
_DATA_LICENSE = flags.DEFINE_string('data_license', '', 'Their license.')
_HARDWARE = flags.DEFINE_string('hardware', '', 'What the model was trained on.')
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace a file that is there.')


def main() -> None:
  workdir = common.workdir()
  if not _OUTPUT.value:
    raise UserError('--output is missing: the Markdown file to write, such as README.md.')
  output = common.path(_OUTPUT.value)
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import files
  from cyclegan_jax.inference import export, model as model_lib, model_card

  export.check_output(output, _OVERWRITE.value)
  metrics = model_card.read_metrics(workdir)
  given = model_card.Given(
    _NAME.value or workdir.resolve().name,
    _AUTHOR.value,
    _LICENSE.value,
    _DATA_SOURCE.value,
    _DATA_LICENSE.value,
    _HARDWARE.value,
  )
  card = model_card.text(model_lib.load(workdir, _CHECKPOINT.value), workdir, metrics, given)
  try:
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(output, card)
  except OSError as error:
    raise UserError(f'--output={output} cannot be written: {error.strerror}.') from error
  print(f'Wrote {output}.')
  if given.empty():
    print(
      'Still to be filled in before it is published: '
      f'{", ".join(f"--{name}" for name in given.empty())}.'
    )
  if not metrics:
    print(f'No figures yet: python -m experiments.evaluate --workdir={workdir}')


if __name__ == '__main__':
  common.run(main)

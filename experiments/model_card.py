"""Writes a model card: what a trained model is, what it can and cannot do, ready for a model hub.

  python -m experiments.model_card --workdir=RUN --output=README.md --license=apache-2.0 \\
      --author='A. Name' --data_source='RoadScene' --data_license='...' --hardware='1 GPU'

Everything but these fields comes from the run folder: settings, data, figures beside the baselines
(of experiments.evaluate), cost. Fields that you do not give are marked FILL IN, and named at the
end. The front matter is that of Hugging Face's model cards.
"""

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import card_fields, flags as common, model_flags

_CHECKPOINT = model_flags.define_checkpoint_flag()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(card_fields)
_OUTPUT = flags.DEFINE_string('output', None, 'Markdown file to write, such as README.md.')
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace an existing file.')


def main() -> None:
  """Writes the card and lists what is missing from it."""
  workdir = common.workdir()
  output = common.needed(_OUTPUT, 'the Markdown file to write, such as README.md')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import files
  from cyclegan_jax.inference import model as model_lib, model_card
  from cyclegan_jax.inference.export import export
  from cyclegan_jax.runs import next_step, reader, run_folder

  export.check_output(output, _OVERWRITE.value)
  found = run_folder.splits_of(workdir)
  (run,) = reader.read([workdir], next_step.measured_split(found), _CHECKPOINT.value)
  given = card_fields.given(workdir)
  card = model_card.text(model_lib.load(workdir, _CHECKPOINT.value), run, given)
  try:
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(output, card)
  except OSError as error:
    raise UserError(f'--output={output} cannot be written: {error.strerror}.') from error
  print(f'Wrote {output}.')
  card_fields.print_missing(given)
  if not run.measurements:
    then = next_step.evaluate(workdir, found, checkpoint=_CHECKPOINT.value)
    print(f'No figures yet: run {then}')


if __name__ == '__main__':
  common.run(main)

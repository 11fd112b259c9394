"""Finds out whether generated IR images train a detector, beside real IR and plain gray.

  python -m experiments.downstream --workdir=RUN

Trains a small segmentation network several times, on real, generated, and gray images of the
training split, and tests it on real IR of the test split. The data need labels. Writes
RUN/downstream/: downstream.json, downstream.csv and pictures; and the page RUN/report.html. The
same command resumes. On Ctrl-C or SIGTERM at most the network in hand is lost.
"""

import dataclasses

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common, model_flags

_CHECKPOINT = model_flags.define_checkpoint_flag()
model_flags.define_place_flags()
flags.adopt_module_key_flags(common)
_LABEL_DIR = flags.DEFINE_string(
  'label_dir', None, 'Subfolder with labels, as in training. [as in training]'
)
_SEEDS = flags.DEFINE_integer(
  'seeds', 5, 'How many networks are trained in each way.', lower_bound=1
)
_FEW = flags.DEFINE_list(
  'few',
  ['0.05', '0.2'],
  'Shares of the training images that stand for a few real ones; empty: none.',
)
_INSTRUMENTS = flags.DEFINE_string(
  'instruments',
  None,
  'Folder that keeps the networks that learn from no generated image. Give the same one for each '
  'model that you study on the same data, and they are trained once.',
)
_STEPS = flags.DEFINE_integer('steps', 1000, 'Training steps of each network.', lower_bound=1)
_WIDTH = flags.DEFINE_integer(
  'width', 16, 'Channels of the network: 16 has half a million weights.', lower_bound=1
)


def main() -> int:
  """Trains and tests what is missing, writes the files, prints the tables; returns the status."""
  workdir, few = common.workdir(), _few()
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import files, interruption
  from cyclegan_jax.downstream import results, study, training
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.reports import downstream_files, run_page
  from cyclegan_jax.runs import run_folder
  import datasets

  model = model_lib.load(workdir, _CHECKPOINT.value)
  data = model_flags.moved(model.config.data)
  if _LABEL_DIR.value is not None:
    data = dataclasses.replace(data, label_dir=_LABEL_DIR.value)
  dataset = datasets.open_dataset(data, run_folder.prepared(workdir))
  run_folder.check_data(workdir, dataset)
  folder = workdir / run_folder.DOWNSTREAM
  instruments = files.expanded(_INSTRUMENTS.value) if _INSTRUMENTS.value else None
  recipe = training.Recipe(width=_WIDTH.value, steps=_STEPS.value)
  plan = study.Plan(few, _SEEDS.value, recipe)
  with interruption.deferred() as signaled:
    try:
      studied = study.run(folder, model, dataset, data, plan, print, signaled, instruments)
    except study.Stopped:
      print(f'Stopped by signal {signaled()}; the same command resumes.')
      return 128 + signaled()
    facts = {'checkpoint': _CHECKPOINT.value, 'trained_steps': model.trained_steps}
    content = results.result(studied, model) | facts
    downstream_files.write(folder, content, studied)
    print(downstream_files.markdown(content))
    print(f'Pictures and figures: {folder}')
    print(run_page.write([workdir], workdir / run_folder.PAGE, 'test', 24))
  return 0


def _few() -> tuple[float, ...]:
  """The shares of --few."""
  try:
    found = tuple(dict.fromkeys(float(text) for text in _FEW.value if text.strip()))
  except ValueError:
    found = (0.0,)
  if not all(0 < share < 1 for share in found):
    raise UserError(
      f'--few={",".join(_FEW.value)}: expected shares between 0 and 1, such as 0.05,0.2.'
    )
  return found


if __name__ == '__main__':
  common.run(main)

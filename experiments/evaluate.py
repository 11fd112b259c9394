"""Measures a trained model on the test split, beside trivial baselines.

  python -m experiments.evaluate --workdir=RUN

Writes RUN/evaluation/SPLIT/: metrics.json, per_image.csv, summary.md and pictures, where there are
labels per_class.csv; and the page RUN/report.html. With another --checkpoint than best, all of it
goes to RUN/evaluation/SPLIT_latest/ or RUN/evaluation/SPLIT_stepN/. Everything it needs to know is
in the run folder.

With --on=DATA, the model is measured on other data than its own; the results go to RUN/on/.
"""

import dataclasses

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from experiments import flags as common, measuring, model_flags, other_data, processes

model_flags.define_model_flag()
_CHECKPOINT = model_flags.define_checkpoint_flag()
model_flags.define_place_flags()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(processes)
_SPLIT = flags.DEFINE_enum(
  'split', 'test', ['train', 'validation', 'test'], 'The split to measure on.'
)

_ON = flags.DEFINE_string(
  'on',
  None,
  "Measure on other data than the run's: a folder of pairs, the name of a data set, or in quotes "
  'flags that say which data, such as "--dataset=folder --source_dir=DIR --split_by=hash". Images '
  'are prepared as in training; the trivial baselines are those of the other data.',
)
_FID_WEIGHTS = flags.DEFINE_string(
  'fid_weights',
  None,
  "NVIDIA's inception-2015-12-05.pt (StyleGAN2-ADA): measures FID and KID "
  'too. Needs the extra perceptual; nothing is downloaded.',
)
_LPIPS_WEIGHTS = flags.DEFINE_string(
  'lpips_weights',
  None,
  "NVIDIA's vgg16.pt (StyleGAN2-ADA): measures LPIPS of VGG too. Needs the extra "
  'perceptual; nothing is downloaded.',
)
_LPIPS_ALEX_WEIGHTS = flags.DEFINE_string(
  'lpips_alex_weights',
  None,
  'LPIPS of AlexNet as TorchScript, see docs/how-to/measure.md: measures it too. Needs the extra '
  'perceptual; nothing is downloaded.',
)
_LABEL_DIR = flags.DEFINE_string(
  'label_dir',
  None,
  'Subfolder with labels, as in training: measures errors class by class. [as in training]',
)
_GALLERY = model_flags.define_gallery_flag(
  'About how many images the page shows; 0: none; all: every one, as files in a folder beside it.'
)


def main() -> None:
  """Measures the model, writes the evaluation's files, and prints the table."""
  n_gallery = model_flags.gallery(_GALLERY.value)
  workdir = model_flags.model_folder(results='runs')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import distributed
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.metrics import perceptual
  from cyclegan_jax.reports import evaluation_files, run_page
  from cyclegan_jax.runs import run_folder

  weights = (_FID_WEIGHTS, _LPIPS_WEIGHTS, _LPIPS_ALEX_WEIGHTS)
  networks = perceptual.load(*(common.path(flag.value) for flag in weights))
  model = model_lib.load(workdir, _CHECKPOINT.value)
  # Before data are prepared, which may take long.
  perceptual.check_size(networks, model.config.data.image_size)
  asked = measuring.Asked(
    workdir,
    _data(model.config.data),
    _SPLIT.value,
    _CHECKPOINT.value,
    _ON.value is not None,
    n_gallery,
  )
  if note := asked.beforehand():
    distributed.on_first_process(print)(note)
  dataset = asked.open(model)
  content = measuring.measure(asked, model, dataset, networks)
  if not content:
    return
  print(evaluation_files.markdown(content))
  print(f'Pictures and figures: {asked.folder(dataset)}')
  if not asked.other:
    page = run_folder.page_of(workdir, asked.split, asked.checkpoint)
    print(run_page.write([workdir], page, asked.split, asked.gallery, asked.checkpoint))


def _data(trained: DataConfig) -> DataConfig:
  """The settings of the data to measure on, whose trained ones are given."""
  if _ON.value is not None:
    if moved := [name for name in ('source_dir', 'label_dir') if flags.FLAGS[name].present]:
      raise UserError(f'--{moved[0]}: put it into the quotes of --on, which says which data.')
    found = other_data.config(_ON.value, trained)
    return dataclasses.replace(found, data_dir=model_flags.moved(found).data_dir)
  found = model_flags.moved(trained)
  if _LABEL_DIR.value is not None:
    found = dataclasses.replace(found, label_dir=_LABEL_DIR.value)
  return found


if __name__ == '__main__':
  common.run(main, surrounding=processes.together)

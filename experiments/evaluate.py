"""Measures a trained model on the test split, beside trivial baselines.

  python -m experiments.evaluate --workdir=RUN

Writes RUN/evaluation/SPLIT/: metrics.json, per_image.csv, summary.md and pictures, where there are
labels per_class.csv; and the page RUN/report.html. All it needs to know is in the run folder.
"""

import dataclasses

from absl import flags

from experiments import flags as common, processes

_CHECKPOINT = common.define_checkpoint_flag()
common.define_place_flags()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(processes)
_SPLIT = flags.DEFINE_enum(
  'split', 'test', ['train', 'validation', 'test'], 'The split to measure on.'
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
_GALLERY = flags.DEFINE_integer(
  'gallery', 24, 'About how many images the page shows; 0: none.', lower_bound=0
)


def main() -> None:
  """Measures the model, writes the evaluation's files, and prints the table."""
  workdir = common.workdir()
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import distributed
  from cyclegan_jax.evaluation import results
  from cyclegan_jax.evaluation.evaluate import evaluate
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.metrics import perceptual
  from cyclegan_jax.reports import evaluation_files, run_page
  from cyclegan_jax.runs import run_folder
  import datasets

  weights = (_FID_WEIGHTS, _LPIPS_WEIGHTS, _LPIPS_ALEX_WEIGHTS)
  networks = perceptual.load(*(common.path(flag.value) for flag in weights))
  model = model_lib.load(workdir, _CHECKPOINT.value)
  # Before data are prepared, which may take long.
  perceptual.check_size(networks, model.config.data.image_size)
  data = dataclasses.replace(model.config.data, **common.moved())
  if _LABEL_DIR.value is not None:
    data = dataclasses.replace(data, label_dir=_LABEL_DIR.value)
  dataset = distributed.first_alone(lambda: datasets.open_dataset(data), 'data')
  run_folder.check_data(workdir, dataset)
  log = distributed.on_first_process(print)
  evaluation = evaluate(model, dataset, _SPLIT.value, networks=networks, log=log)
  if not distributed.is_first():
    return
  folder = workdir / run_folder.EVALUATION / _SPLIT.value
  content = results.result(
    evaluation.results,
    model.config,
    model.domains['ir'],
    _SPLIT.value,
    model.step,
    networks,
    evaluation.class_names,
  ) | {'checkpoint': _CHECKPOINT.value, 'trained_steps': model.trained_steps}
  evaluation_files.write(folder, content, evaluation, _GALLERY.value)
  print(evaluation_files.markdown(content))
  print(f'Pictures and figures: {folder}')
  print(run_page.write([workdir], workdir / run_folder.PAGE, _SPLIT.value, _GALLERY.value))


if __name__ == '__main__':
  common.run(main, surrounding=processes.together)

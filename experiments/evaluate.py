"""Measures a trained model on the test split, beside trivial baselines.

  python -m experiments.evaluate --workdir=RUN

Writes RUN/evaluation/SPLIT/: metrics.json, per_image.csv, summary.md, examples.png and
report.html. Everything it needs to know is in the run folder.
"""

from absl import flags

from experiments import flags as common

flags.adopt_module_key_flags(common)
_SPLIT = flags.DEFINE_enum('split', 'test', ['train', 'validation', 'test'],
                           'The split to measure on.')
_CHECKPOINT = flags.DEFINE_string('checkpoint', 'best',
                                  'best (by the validation metric), latest, or a step.')


def main() -> None:
  workdir = common.workdir()
  # Late, so that --help and bad flags answer at once.
  import datasets
  from cyclegan_jax.data import pipeline
  from cyclegan_jax.evaluation import baselines, measure, report, samples
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.training import run_folder

  model = model_lib.load(workdir, _CHECKPOINT.value)
  dataset = datasets.open_dataset(model.config.data)
  examples = pipeline.examples(dataset, _SPLIT.value, model.config.data)
  predict = samples.predictor(model.translators['rgb_to_ir'], model.domains['ir'])
  predictors = {report.MODEL: predict, **baselines.baselines(dataset, model.config.data, print)}
  results = measure.measure(predictors, examples, model.domains['ir'],
                            model.config.train.batch_size, print)
  folder = workdir / run_folder.EVALUATION / _SPLIT.value
  content = report.result(results, model.config, model.domains['ir'], _SPLIT.value, model.step)
  report.write(folder, content, results, examples, predict, model.domains, model.config, workdir)
  print(report.markdown(content))
  print(f'Pictures and figures: {folder / "report.html"}')


if __name__ == '__main__':
  common.run(main)

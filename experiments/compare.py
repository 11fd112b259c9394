"""Trains and measures several models with several seeds, and tests their differences.

  python -m experiments.compare --output=DIR --dataset=synthetic --preset=demo_cyclegan --seeds=6
  python -m experiments.compare --output=DIR --dataset=osu --models=unpaired,paired,pix2pix \\
      --model='wide: --paired --base_width=96' --comparisons=paired-unpaired,wide-paired
  python -m experiments.compare --output=DIR --workers=4     continues the plan there
  python -m experiments.compare --output=DIR --job=7         one job, as in a scheduler's array
  python -m experiments.compare --output=DIR --report_only   tables and page of the runs so far
  python -m experiments.compare --output=DIR --downstream    also what detectors learn from the runs

The flags of experiments.train apply to every model; a model's own flags override them. Before
training, the command writes DIR/plan.json; at the end, the paper's Table I and more:
DIR/comparison.md, comparison.json, table.csv, table.tex (LaTeX), references.bib and report.html.
The same command resumes. You can add models and seeds later, and change nothing else. On Ctrl-C,
SIGTERM, or a lost terminal training saves and ends.
"""

from collections.abc import Mapping, Sequence
import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common
from experiments.comparison import recipes

if TYPE_CHECKING:
  from experiments.comparison.jobs import Job
  from experiments.comparison.plan import Plan

common.define_config_flags()
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string('output', None, 'The folder of the comparison.')
_MODELS = flags.DEFINE_list(
  'models', None, f'Models by name: {", ".join(recipes.RECIPES)}. [{",".join(recipes.PAPERS_FOUR)}]'
)
_MODEL = flags.DEFINE_multi_string(
  'model',
  [],
  "A model of your own, 'LABEL: --flag=value ...'. May be repeated. A known name as label replaces "
  'that model.',
)
_SEEDS = flags.DEFINE_string('seeds', None, 'How many seeds, from 0; or which, such as 0,1,2. [6]')
_SPLIT = flags.DEFINE_enum(
  'split', None, ['train', 'validation', 'test'], 'The split to measure on. [test]'
)
_COMPARISONS = flags.DEFINE_list(
  'comparisons',
  None,
  'A-B,C-D: which models to compare; a difference is the first minus the second. [paired with '
  'unpaired, each model with EMSN with the same one without, every other with the first]',
)
_REFERENCE = flags.DEFINE_string('reference', None, 'Compare every other model with this one.')
_PRIMARY = flags.DEFINE_enum(
  'primary',
  None,
  [
    *('psnr', 'psnr_pooled', 'ssim', 'uqi', 'uqi_sewar', 'mse', 'rmse', 'mae', 'correlation'),
    *('log_spectral_distance', 'hot_recall', 'hot_mae'),
    *('psnr_image_gain', 'ssim_image_gain', 'psnr_dataset_gain', 'ssim_dataset_gain'),
  ],
  'The metric that decides the comparisons. [psnr]',
)
_WORKERS = flags.DEFINE_integer(
  'workers',
  1,
  'Jobs at a time. Several share the GPUs, one each if there are enough, and the cores.',
  lower_bound=1,
)
_PRINT_JOBS = flags.DEFINE_boolean(
  'print_jobs', False, 'Only print the missing jobs as lines for a shell, each with its number.'
)
_JOB = flags.DEFINE_integer(
  'job', None, 'Run only the job of this number, and write no report.', lower_bound=0
)
_DOWNSTREAM = flags.DEFINE_boolean(
  'downstream',
  False,
  'Also run experiments.downstream on each run, and put the results side by side. The data need '
  'labels.',
)
_REPORT_ONLY = flags.DEFINE_boolean('report_only', False, 'Only write the report; train nothing.')


def main() -> int:
  """Trains and measures what is missing, then writes the report; returns the exit status."""
  output = common.needed(_OUTPUT, 'the folder of the comparison')
  if common.WORKDIR.value:
    raise UserError('--workdir: leave it out, because each run has its own folder in --output.')
  if output.exists() and not output.is_dir():
    raise UserError(f'--output={output} is a file; give a folder.')
  # Late, so that --help and bad flags answer at once.
  from experiments.comparison import jobs as jobs_lib

  plan = _plan(output)
  if _DOWNSTREAM.value and plan.models[0].config.model.target != 'ir':
    raise UserError(
      '--downstream learns from generated IR images, and --direction=ir_to_rgb makes none: leave '
      'one of them out.'
    )
  of_commands = [flags.FLAGS[name] for name in ('max_megapixels', 'compilation_cache')]
  shared = [flag.serialize() for flag in of_commands if flag.present]
  jobs = jobs_lib.all_jobs(plan, output, shared, _DOWNSTREAM.value)
  if _PRINT_JOBS.value:
    for job in jobs:
      if not job.is_complete():
        print(f'{job.line}  # job {job.number}: {job.name}')
    return 0
  if _JOB.value is not None and _JOB.value >= len(jobs):
    raise UserError(f'--job={_JOB.value}: expected a job from 0 to {len(jobs) - 1}.')
  failed = []
  if not _REPORT_ONLY.value:
    chosen = jobs if _JOB.value is None else [jobs[_JOB.value]]
    failed, stop = jobs_lib.run(chosen, _WORKERS.value, print)
    if stop:
      print(f'Stopped by signal {stop}; the same command resumes.')
      return 128 + stop
  if _JOB.value is None:
    _report(output, plan, jobs)
  for job in failed:
    print(f'FAILED: {job.name}. The end of {job.log}:\n{jobs_lib.last_lines(job)}', file=sys.stderr)
  return 1 if failed else 0


def _plan(output: pathlib.Path) -> 'Plan':
  """Returns the plan that the flags and the folder give, and writes it into the folder."""
  from experiments.comparison import plan as plan_lib

  known = plan_lib.load(output)
  old = known if plan_lib.binding(output) else None
  shared = recipes.arguments(flags.FLAGS)
  if flags.FLAGS['seed'].present:
    raise UserError('--seed: give --seeds instead, how many or which, for all models.')
  if known is None and _REPORT_ONLY.value:
    raise UserError(f'--output={output} has no {plan_lib.PLAN}, so there is nothing to report yet.')
  comparisons = _comparisons()
  asked = comparisons is not None or _REFERENCE.value or _MODELS.value or _MODEL.value
  if known and not old and not asked:
    comparisons = known.comparisons
  before = known or plan_lib.Plan((), (), tuple(range(6)), 'test', (), 'psnr')
  plan = plan_lib.make(
    shared or before.common,
    _models({recipe.label: recipe.flags for recipe in before.models}),
    _seeds() or before.seeds,
    _SPLIT.value or before.split,
    _PRIMARY.value or before.primary,
    comparisons,
    _REFERENCE.value,
    old,
  )
  if not plan.models[0].config.data.dataset:
    raise UserError('--dataset is missing: give it, and the other settings that all models share.')
  return plan if _REPORT_ONLY.value else plan_lib.record(output, plan, old)


def _comparisons() -> Sequence[tuple[str, str]] | None:
  """Returns the pairs of labels of --comparisons; None if the flag is not given."""
  if _COMPARISONS.value is None:
    return None
  pairs = []
  for text in _COMPARISONS.value:
    first, dash, second = text.strip().partition('-')
    if not dash or '-' in second:
      raise UserError(
        f'--comparisons={",".join(_COMPARISONS.value)}: expected A-B,C-D with names of models.'
      )
    pairs.append((first, second))
  if _REFERENCE.value:
    raise UserError('--comparisons and --reference: give only one of them.')
  return pairs


def _models(planned: Mapping[str, str]) -> dict[str, str]:
  """Returns label -> own flags of --models and --model, else as planned, else of the paper."""
  own = {}
  for text in _MODEL.value:
    label, colon, arguments = (part.strip() for part in text.partition(':'))
    if not colon:
      raise UserError(f"--model={text!r}: expected 'LABEL: --flag=value ...'.")
    if label in own:
      raise UserError(f'--model: {label} is given twice.')
    own[label] = arguments
  texts = {**recipes.RECIPES, **planned, **own}
  names = list(planned) or ([] if own else recipes.PAPERS_FOUR)
  if _MODELS.value is not None:
    names = [name.strip() for name in _MODELS.value]
  for name in names:
    if name not in texts:
      raise UserError(
        f'--models={",".join(names)}: {name!r} is unknown; there are '
        f"{', '.join(recipes.RECIPES)}, or --model='{name or 'LABEL'}: --flags'."
      )
  if not names and not own:
    raise UserError('--models is empty: name some models, or leave it out.')
  return {name: texts[name] for name in dict.fromkeys([*names, *own])}


def _seeds() -> tuple[int, ...] | None:
  """Returns the seeds that --seeds gives; None if the flag is not given."""
  text = _SEEDS.value
  if text is None:
    return None
  parts = [part.strip() for part in text.split(',') if part.strip()]
  counted = ',' not in text
  if not parts or not all(map(str.isdecimal, parts)) or (counted and int(parts[0]) == 0):
    raise UserError(f'--seeds={text}: expected how many, such as 6, or which, such as 0,1,2.')
  return tuple(range(int(parts[0])) if counted else dict.fromkeys(map(int, parts)))


def _report(output: pathlib.Path, plan: 'Plan', jobs: list['Job']) -> None:
  """Writes tables and page of the complete runs, and prints which are missing."""
  from cyclegan_jax.comparison import compare, downstream, runs
  from cyclegan_jax.reports import comparison_page

  missing = [job.name for job in jobs if not job.is_complete()]
  if missing:
    print(f'{len(missing)} of {len(jobs)} jobs are missing: {"; ".join(missing)}')
  complete = [job for job in jobs if job.name not in missing]
  if not complete:
    raise UserError(f'--output={output} has no complete run yet, so there is nothing to report.')
  loaded = {job: runs.load(job.folder, plan.split) for job in complete}
  models = {}
  for model in plan.models:
    trained_as = plan.trained_as(model.label)
    own = [run for job, run in loaded.items() if job.label == trained_as]
    models[model.label] = compare.ComparedModel(model.flags, trained_as, own)
  dataset = plan.models[0].config.data.dataset
  content = compare.compare(models, plan.comparisons, plan.primary)
  content |= {
    'dataset': dataset,
    'common_flags': list(plan.common),
    'planned_seeds': list(plan.seeds),
    'history': list(plan.history),
    'missing': missing,
    'downstream': downstream.compare(models, plan.comparisons) if _DOWNSTREAM.value else None,
    'paper': {'rows': recipes.papers_rows(dataset), 'note': recipes.PAPERS_NOTE},
  }
  comparison_page.write(output, content, models)
  print(comparison_page.summary(content))
  print(f'Tables, curves and pictures: {output / comparison_page.PAGE}')


if __name__ == '__main__':
  common.run(main, compiles=False)

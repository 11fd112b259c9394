"""Trains and measures several models with several seeds, and says what the differences show.

  python -m experiments.compare --output=DIR --dataset=synthetic --preset=demo --seeds=6
  python -m experiments.compare --output=DIR --dataset=osu --models=unpaired,paired,pix2pix \\
      --model='wide: --paired --base_width=96' --comparisons=paired-unpaired,wide-paired
  python -m experiments.compare --output=DIR --workers=4     goes on with what is planned there
  python -m experiments.compare --output=DIR --job=7         one job, as of an array of a scheduler
  python -m experiments.compare --output=DIR --report_only   tables and page from what is there

The flags of experiments.train hold for every model; a model's own flags win over them. Writes
DIR/plan.json before anything is trained, and at the end the paper's Table I and more:
DIR/comparison.md, comparison.json, table.csv and report.html. The same command resumes; models
and seeds can be added later, nothing else. Ctrl-C or SIGTERM: training saves and ends.
"""

import sys

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common
from experiments.comparison import recipes as models_lib

common.define_config_flags()
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string('output', None, 'The folder of the comparison.')
_MODELS = flags.DEFINE_list(
  'models',
  None,
  f'Models by name: {", ".join(models_lib.MODELS)}. [{",".join(models_lib.PAPERS_FOUR)}]',
)
_MODEL = flags.DEFINE_multi_string(
  'model',
  [],
  "A model of your own, 'LABEL: --flag=value ...'; "
  'may be repeated. A known name as label replaces that model.',
)
_SEEDS = flags.DEFINE_string('seeds', None, 'How many, from 0 on; or which: 0,1,2. [6]')
_SPLIT = flags.DEFINE_enum(
  'split', None, ['train', 'validation', 'test'], 'The split to measure on. [test]'
)
_COMPARISONS = flags.DEFINE_list(
  'comparisons',
  None,
  'A-B,C-D: which models are compared, the first minus the second. [paired '
  'with unpaired, each with EMSN with its twin without, every other with the first]',
)
_REFERENCE = flags.DEFINE_string('reference', None, 'Compare every other model with this one.')
_PRIMARY = flags.DEFINE_enum(
  'primary',
  None,
  ['psnr', 'psnr_pooled', 'ssim', 'uqi', 'uqi_sewar', 'mse', 'rmse', 'mae', 'correlation'],
  'The metric that the comparisons are decided by. [psnr]',
)
_WORKERS = flags.DEFINE_integer(
  'workers',
  1,
  'Jobs at a time. Several share the GPUs, one each where there are enough, and the cores.',
  lower_bound=1,
)
_PRINT_JOBS = flags.DEFINE_boolean(
  'print_jobs', False, 'Print the missing jobs as lines for a shell, each with its number, and end.'
)
_JOB = flags.DEFINE_integer(
  'job', None, 'Run only the job of this number, and make no report.', lower_bound=0
)
_REPORT_ONLY = flags.DEFINE_boolean('report_only', False, 'Train nothing.')


def main() -> int:
  output = common.path(_OUTPUT.value)
  if output is None:
    raise UserError('--output is missing: give the folder of the comparison.')
  if common.WORKDIR.value:
    raise UserError('--workdir: each run has its own folder in --output.')
  if output.exists() and not output.is_dir():
    raise UserError(f'--output={output} is a file; give a folder.')
  # Late, so that --help and bad flags answer at once.
  from experiments.comparison import jobs as jobs_lib, plan as plan_lib

  plan = _plan(output, plan_lib)
  jobs = jobs_lib.all_jobs(plan, output, _flags_of_commands())
  if _PRINT_JOBS.value:
    for job in jobs:
      if not job.is_complete():
        print(f'{job.line}  # job {job.number}: {job.name}')
    return 0
  if _JOB.value is not None and _JOB.value >= len(jobs):
    raise UserError(f'--job={_JOB.value}: there are jobs 0 to {len(jobs) - 1}.')
  failed = []
  if not _REPORT_ONLY.value:
    chosen = jobs if _JOB.value is None else [jobs[_JOB.value]]
    failed, stop = jobs_lib.run(chosen, _WORKERS.value, print)
    if stop:
      print(f'Stopped by signal {stop}; the same command goes on.')
      return 128 + stop
  if _JOB.value is None:
    _report(output, plan, jobs)
  for job in failed:
    print(f'FAILED: {job.name}. The end of {job.log}:\n{jobs_lib.last_lines(job)}', file=sys.stderr)
  return 1 if failed else 0


def _plan(output, plan_lib):
  """The plan that the flags and the folder come to, recorded."""
  known = plan_lib.load(output)
  old = known if known and plan_lib.binding(output) else None
  shared = plan_lib.arguments(flags.FLAGS)
  if flags.FLAGS['seed'].present:
    raise UserError('--seed: say --seeds, how many or which; each model is trained with each.')
  listed = _models(known)
  if known is None and _REPORT_ONLY.value:
    raise UserError(f'--output={output} has no {plan_lib.PLAN}: there is nothing to report yet.')
  comparisons = None
  if _COMPARISONS.value is not None:
    comparisons = [tuple(text.strip().split('-')) for text in _COMPARISONS.value]
    if any(len(pair) != 2 for pair in comparisons):
      raise UserError(
        f'--comparisons={",".join(_COMPARISONS.value)}: expected A-B,C-D with names of models.'
      )
    if _REFERENCE.value:
      raise UserError('--comparisons and --reference: give one of them.')
  elif known and not old and not _REFERENCE.value and not _MODELS.value and not _MODEL.value:
    comparisons = list(known.comparisons)
  plan = plan_lib.make(
    shared or (known.common if known else ()),
    listed,
    _seeds() or (known.seeds if known else tuple(range(6))),
    _SPLIT.value or (known.split if known else 'test'),
    _PRIMARY.value or (known.primary if known else 'psnr'),
    comparisons,
    _REFERENCE.value,
    old,
  )
  if not plan.models[0].config.data.dataset:
    raise UserError('--dataset is missing: give it, and the other settings that all models share.')
  return plan if _REPORT_ONLY.value else plan_lib.record(output, plan, old)


def _models(known) -> dict[str, str]:
  """Label -> own flags, from --models and --model, else those of the plan, else the paper's."""
  own = {}
  for text in _MODEL.value:
    label, colon, arguments = text.partition(':')
    if not colon:
      raise UserError(f"--model={text!r}: expected 'LABEL: --flag=value ...'.")
    if label.strip() in own:
      raise UserError(f'--model: {label.strip()} is given twice.')
    own[label.strip()] = arguments.strip()
  if known and _MODELS.value is None:
    return {**{m.label: m.flags for m in known.models}, **own}
  names = _MODELS.value
  if names is None:
    names = [] if own else list(models_lib.PAPERS_FOUR)
  names = [name.strip() for name in names]
  if not names and not own:
    raise UserError('--models is empty: name some, or leave it out.')
  planned = {m.label: m.flags for m in known.models} if known else {}
  texts = {**models_lib.MODELS, **planned, **own}
  for name in names:
    if name not in texts:
      raise UserError(
        f'--models={",".join(names)}: {name!r} is unknown; there are '
        f"{', '.join(models_lib.MODELS)}, or --model='{name or 'LABEL'}: --flags'."
      )
  return {name: texts[name] for name in dict.fromkeys([*names, *own])}


def _seeds() -> tuple[int, ...] | None:
  text = _SEEDS.value
  if text is None:
    return None
  parts = [part.strip() for part in text.split(',') if part.strip()]
  counted = ',' not in text
  if not parts or not all(map(str.isdecimal, parts)) or (counted and int(parts[0]) == 0):
    raise UserError(f'--seeds={text}: expected how many, such as 6, or which, such as 0,1,2.')
  numbers = [int(part) for part in parts]
  return tuple(range(numbers[0])) if counted else tuple(dict.fromkeys(numbers))


def _flags_of_commands() -> list[str]:
  """Flags of every command, apart from --workdir, that are passed on."""
  return [
    flag.serialize()
    for flag in (flags.FLAGS['max_megapixels'], flags.FLAGS['compilation_cache'])
    if flag.present
  ]


def _report(output, plan, jobs) -> None:
  """Writes the outputs from the complete runs, and says which are missing."""
  from cyclegan_jax.comparison import compare, runs
  from cyclegan_jax.reports import comparison_page

  missing = [job for job in jobs if not job.is_complete()]
  if missing:
    print(
      f'{len(missing)} of {len(jobs)} jobs are missing: ' + '; '.join(job.name for job in missing)
    )
  complete = {(job.label, job.seed): job for job in jobs if job not in missing}
  if not complete:
    raise UserError(f'--output={output} has no complete run yet: nothing can be reported.')
  loaded = {key: runs.load(job.folder, plan.split) for key, job in complete.items()}
  models = {}
  for model in plan.models:
    trained_as = plan.trained_as(model.label)
    models[model.label] = compare.ComparedModel(
      model.flags,
      trained_as,
      [loaded[trained_as, seed] for seed in plan.seeds if (trained_as, seed) in loaded],
    )
  dataset = plan.models[0].config.data.dataset
  content = compare.compare(models, plan.comparisons, plan.primary)
  content |= {
    'dataset': dataset,
    'common_flags': list(plan.common),
    'planned_seeds': list(plan.seeds),
    'history': list(plan.history),
    'missing': [job.name for job in missing],
    'paper': {'rows': models_lib.papers_rows(dataset), 'note': models_lib.PAPERS_NOTE},
  }
  comparison_page.write(output, content, models)
  print(comparison_page.summary(content))
  print(f'Tables, curves and pictures: {output / comparison_page.PAGE}')


if __name__ == '__main__':
  common.run(main, compiles=False)

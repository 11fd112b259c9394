"""What is planned, written down, and refused."""

import json
import pathlib
import shlex

import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from experiments.comparison import jobs, plan as plan_lib, recipes

DATA = ('--dataset=synthetic', '--image_size=64')


def make(
  names='unpaired,paired',
  old=None,
  shared=DATA,
  seeds=(0, 1),
  comparisons=None,
  reference=None,
  own=None,
  split='test',
  primary='psnr',
):
  texts = {name: recipes.RECIPES[name] for name in names.split(',') if name}
  return plan_lib.make(
    shared, {**texts, **(own or {})}, seeds, split, primary, comparisons, reference, old
  )


def started(folder, plan):
  """Records a plan and begins its first run."""
  plan = plan_lib.record(folder, plan, None)
  run = jobs.all_jobs(plan, folder)[0].folder
  run.mkdir(parents=True)
  (run / 'config.json').write_text('{}')
  return plan


def test_the_papers_four_are_the_same_with_every_preset():
  names = ','.join(recipes.PAPERS_FOUR)
  for preset in ('udacity', 'demo_cyclegan'):
    plan = make(names, shared=(*DATA, f'--preset={preset}'))
    weights = [m.config.loss.supervised_weight for m in plan.models]
    assert weights == [0, 0, 10, 10]
    assert [m.config.data.paired for m in plan.models] == [False, False, True, True]
  expected = config_lib.make(
    'demo_cyclegan', dataset='synthetic', image_size=(64, 64), paired=True, emsn=False
  )
  assert plan.models[2].config == expected


@pytest.mark.parametrize('name', recipes.RECIPES)
def test_every_known_model_is_a_configuration(name):
  plan = make(
    '', own={name: recipes.RECIPES[name]}, shared=('--dataset=synthetic', '--image_size=256')
  )
  assert plan.models[0].config.train.preset == (
    name if name in ('cyclegan', 'pix2pix') else 'udacity'
  )


def test_a_models_own_flags_win():
  plan = make(
    'unpaired',
    shared=(*DATA, '--base_width=8', '--epochs=3'),
    own={'wide': '--paired --base_width=96'},
  )
  assert [m.config.model.base_width for m in plan.models] == [8, 96]
  assert [m.config.train.epochs for m in plan.models] == [3, 3]
  assert '--base_width=96' in plan.models[1].arguments
  assert '--base_width=8' not in plan.models[1].arguments


def test_models_with_equal_settings_are_trained_once(tmp_path):
  plan = make('unpaired,udacity,paired')
  assert [plan.trained_as(m.label) for m in plan.models] == ['unpaired', 'unpaired', 'paired']
  assert [(job.label, job.seed) for job in jobs.all_jobs(plan, tmp_path)] == [
    ('unpaired', 0),
    ('paired', 0),
    ('unpaired', 1),
    ('paired', 1),
  ]
  assert plan.comparisons == (('paired', 'unpaired'),)
  with pytest.raises(UserError, match='one model'):
    make('unpaired,udacity', comparisons=[('udacity', 'unpaired')])


@pytest.mark.parametrize(
  'names, reference, expected',
  [
    (
      'unpaired,unpaired_emsn,paired,paired_emsn',
      None,
      'paired-unpaired unpaired_emsn-unpaired paired_emsn-paired',
    ),
    ('unpaired_emsn,paired_emsn', None, 'paired_emsn-unpaired_emsn'),
    ('paired,paired_literal,unpaired', None, 'paired-unpaired paired_literal-paired'),
    ('unpaired,paired,paired_emsn', 'paired', 'unpaired-paired paired_emsn-paired'),
    ('paired', None, ''),
  ],
)
def test_usual_comparisons(names, reference, expected):
  assert ' '.join(map('-'.join, make(names, reference=reference).comparisons)) == expected


def test_jobs_are_what_a_person_would_type(tmp_path):
  source = tmp_path / "it's here"
  plan = make('unpaired', shared=(*DATA[1:], '--dataset=folder', f'--source_dir={source}'))
  job = jobs.all_jobs(plan, tmp_path, ['--max_megapixels=9'])[1]
  train, evaluate = job.commands
  assert train[1:3] == ('-m', 'experiments.train') and '--seed=1' in train
  assert {
    '--nopaired',
    '--dataset=folder',
    f'--source_dir={source}',
    '--max_megapixels=9',
    f'--workdir={tmp_path / "runs" / "unpaired" / "seed1"}',
  } <= set(train)
  assert evaluate[2] == 'experiments.evaluate' and '--split=test' in evaluate
  assert {f'--source_dir={source}', train[-1]} <= set(evaluate)
  words = shlex.split(job.line)
  assert words[words.index('&&', 3) + 1 :] == list(evaluate)
  assert job.config.train.seed == 1 and job.number == 1


def test_written_before_anything_is_trained_and_read_again(tmp_path):
  plan = plan_lib.record(tmp_path / 'new', make('unpaired,paired_literal,udacity'), None)
  tree = json.loads((tmp_path / 'new' / 'plan.json').read_text())
  assert tree['models']['udacity']['trained_as'] == 'unpaired'
  assert tree['models']['paired_literal']['settings']['supervised_weight'] == 0
  assert tree['comparisons'] == [['paired_literal', 'unpaired']]
  assert tree['seeds'] == [0, 1] and tree['primary_metric'] == 'psnr'
  assert plan_lib.load(tmp_path / 'new') == plan
  assert plan_lib.load(tmp_path) is None


def test_models_and_seeds_can_be_added(tmp_path):
  old = started(tmp_path, make())
  before = [job.folder for job in jobs.all_jobs(old, tmp_path)]
  new = make('paired_literal,paired,unpaired', old, seeds=(1, 2))
  assert [m.label for m in new.models] == ['unpaired', 'paired', 'paired_literal']
  assert new.seeds == (0, 1, 2)
  assert new.comparisons == (('paired', 'unpaired'), ('paired_literal', 'unpaired'))
  new = plan_lib.record(tmp_path, new, old)
  assert new.history[1]['models'] == ['paired_literal'] and new.history[1]['seeds'] == [2]
  assert set(before) < {job.folder for job in jobs.all_jobs(new, tmp_path)}
  assert plan_lib.load(tmp_path) == new


def test_an_unchanged_plan_is_not_written_again(tmp_path):
  old = started(tmp_path, make())
  stamp = (tmp_path / 'plan.json').stat()
  assert plan_lib.record(tmp_path, make(old=old), old) == old
  assert (tmp_path / 'plan.json').stat() == stamp


def test_moved_data_are_no_other_plan(tmp_path):
  old = started(tmp_path, make())
  new = plan_lib.record(tmp_path, make(old=old, shared=(*DATA, '--data_dir=/moved')), old)
  assert '--data_dir=/moved' in plan_lib.load(tmp_path).models[0].arguments
  assert len(new.history) == 1


@pytest.mark.parametrize(
  'change, words',
  [
    (dict(shared=(*DATA, '--epochs=20')), ['unpaired has other settings', '--epochs: 9 there, 20']),
    (dict(own={'paired': '--paired --emsn'}), ['paired has other settings', 'emsn']),
    (dict(split='validation'), ['--split is test there, validation now']),
    (dict(primary='ssim'), ['--primary']),
    (
      dict(comparisons=[('unpaired', 'paired')]),
      ['unpaired-paired is not among', 'paired-unpaired'],
    ),
    (dict(reference='paired'), ['unpaired-paired is not among']),
  ],
)
def test_another_plan_is_refused_once_there_are_runs(tmp_path, change, words):
  old = started(tmp_path, make())
  assert plan_lib.binding(tmp_path)
  with pytest.raises(UserError) as error:
    make(old=old, **change)
  for word in words:
    assert word in str(error.value)
  make(**change)  # Fine where nothing has been trained.


@pytest.mark.parametrize(
  'change, words',
  [
    (dict(own={'x': '--nosuch=1'}), ["'x'", 'nosuch']),
    (dict(own={'x': '--epochs=many'}), ['epochs']),
    (dict(own={'x': 'paired'}), ["'paired' is not a flag"]),
    (dict(own={'x': '--seed=3'}), ['--seeds instead of --seed']),
    (dict(own={'x': '--workdir=y'}), ['workdir']),
    (dict(own={'x': "--rgb_dir='"}), ["'x'"]),
    (dict(own={'x': '--supervised_weight=3'}), ["'x'", '--paired']),
    (dict(own={'a-b': '--paired'}), ['a-b', 'label']),
    (dict(own={'../x': '--paired'}), ['../x', 'label']),
    (dict(own={'': '--paired'}), ['label']),
    (dict(own={'Paired': '--paired --emsn'}), ['more than case']),
    (
      dict(names='unpaired,pix2pix', shared=DATA[:1]),
      [
        'different pixels',
        '--image_size: 128x128 in unpaired, 256x256 in pix2pix',
        '--load_size=0x0 --resize=area',
      ],
    ),
    (
      dict(names='unpaired', shared=('--dataset=folder', '--source_dir=x', '--pairs=none')),
      ['--pairs=none', 'comparisons need pairs', 'experiments.report'],
    ),
    (dict(own={'x': '--ir_channels=3'}), ['different pixels', 'ir_channels']),
    (
      dict(own={'x': '--split_by=sequence'}, shared=('--dataset=osu',)),
      ['different pixels', '--split_by: (default)', '--split_by=auto'],
    ),
    (
      dict(own={'x': '--registration=depth'}),
      ["'x'", '--registration=depth', '--dataset=synthetic'],
    ),
    (dict(own={'x': '--normalisation=emsn'}), ["'x'", '--normalisation is now --normalization']),
    (dict(names='unpaired,pix2pix'), ['pix2pix', '--n_downsampling']),
    (dict(comparisons=[('paired', 'nosuch')]), ['nosuch', '--models']),
    (dict(reference='nosuch'), ['nosuch', '--models']),
  ],
)
def test_what_cannot_be_planned(change, words):
  with pytest.raises(UserError) as error:
    make(**change)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize(
  'text',
  [
    '',
    '{',
    '[]',
    '{"models": {}}',
    '{"models": {"a": {}}, "common_flags": []}',
    '{"models": {}, "common_flags": [], "seeds": [0]}',
  ],
)
def test_a_damaged_plan_is_named(tmp_path, text):
  (tmp_path / 'plan.json').write_text(text)
  with pytest.raises(UserError, match='plan.json'):
    plan_lib.load(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError, match='--output'):
    plan_lib.record(pathlib.Path(tmp_path / 'file' / 'new'), make(), None)


def test_the_papers_figures():
  rows = recipes.papers_rows('osu')
  assert rows['Paired with EMSN'] == {
    'mse': 214.097,
    'rmse': 12.280,
    'psnr': 35.8892,
    'uqi_sewar': 0.971,
  }
  assert recipes.papers_rows('synthetic') == {} and len(recipes.papers_rows('aau')) == 3

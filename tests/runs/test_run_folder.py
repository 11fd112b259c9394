"""Run folders: creation, refusal of other runs, and logs that survive a restart."""

import json

import pytest

from cyclegan_jax import config as config_lib, normalization, radiometry
from cyclegan_jax.data.source import Dataset, Domain, make_domains, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder


def dataset(n=3, max_value=255.0, fingerprint='f'):
  domains = {
    name: Domain(name, channels, normalization.Plain(max_value))
    for name, channels in (('rgb', 3), ('ir', 1))
  }
  return Dataset(
    'x', 'x', fingerprint, domains, {'train': Split('train', [None] * n, [None] * n, True)}
  )


def test_same_run_is_accepted_and_free_settings_may_change(tmp_path):
  (tmp_path / 'a' / 'b').mkdir(parents=True)
  run_folder.create(tmp_path / 'a' / 'b', config_lib.make(epochs=2), dataset(), False)
  run_folder.create(
    tmp_path / 'a' / 'b',
    config_lib.make(epochs=5, log_every=7, cache_gib=0.0, ir_range='-20:120,degC'),
    dataset(),
    False,
  )
  kept = run_folder.load_config(tmp_path / 'a' / 'b')
  assert kept.train.epochs == 5 and kept.data.ir_range == '-20:120,degC'


def test_other_run_is_refused_with_the_difference(tmp_path):
  run_folder.create(tmp_path, config_lib.make(), dataset(), False)
  before = (tmp_path / 'config.json').read_text()
  with pytest.raises(UserError) as error:
    run_folder.create(tmp_path, config_lib.make(batch_size=4, emsn=True), dataset(), False)
  message = str(error.value)
  assert '--batch_size: 16 there, 4 now' in message
  assert '--normalization: plain there, emsn now' in message
  assert '--overwrite' in message and '--seed' not in message
  assert (tmp_path / 'config.json').read_text() == before


def test_another_option_of_the_data_set_is_another_run(tmp_path):
  run_folder.create(tmp_path, config_lib.make(), dataset(), False)
  other = config_lib.make(options={'split_by': 'sequence'})
  with pytest.raises(UserError, match=r'--split_by: \(default\) there, sequence now'):
    run_folder.check(tmp_path, other)


def test_a_folder_of_another_format_is_refused(tmp_path):
  run_folder.create(tmp_path, config_lib.make(), dataset(), False)
  file = tmp_path / 'config.json'
  file.write_text(file.read_text().replace('  "format": 2,\n', ''))
  for refuse in (
    lambda: run_folder.check(tmp_path, config_lib.make()),
    lambda: run_folder.load_config(tmp_path),
  ):
    with pytest.raises(
      UserError, match='config.json has format 1, and this version reads format 2'
    ):
      refuse()
  run_folder.create(tmp_path, config_lib.make(), dataset(), True)
  assert run_folder.load_config(tmp_path) == config_lib.make()


@pytest.mark.parametrize(
  'other', [dataset(n=4), dataset(max_value=65535.0), dataset(fingerprint='g')]
)
def test_other_data_are_refused(tmp_path, other):
  run_folder.create(tmp_path, config_lib.make(), dataset(), False)
  before = (tmp_path / 'data.json').read_text()
  for refuse in (
    lambda: run_folder.create(tmp_path, config_lib.make(), other, False),
    lambda: run_folder.check_data(tmp_path, other),
  ):
    with pytest.raises(UserError, match='other data'):
      refuse()
  assert (tmp_path / 'data.json').read_text() == before
  run_folder.check_data(tmp_path, dataset())


def test_overwrite_removes_only_a_runs_files(tmp_path):
  run_folder.create(tmp_path, config_lib.make(), dataset(), False)
  (tmp_path / 'checkpoints').mkdir()
  (tmp_path / 'metrics.csv').write_text('step\n1\n')
  (tmp_path / 'notes.txt').write_text('mine')
  run_folder.create(tmp_path, config_lib.make(batch_size=4), dataset(), True)
  assert not (tmp_path / 'metrics.csv').exists() and not (tmp_path / 'checkpoints').exists()
  assert (tmp_path / 'notes.txt').read_text() == 'mine'
  assert run_folder.load_config(tmp_path).train.batch_size == 4


def test_unwritable_folder_is_named(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError, match='--workdir=.*file/run cannot be written'):
    run_folder.check(tmp_path / 'file' / 'run', config_lib.make())


def test_checkpoints_without_config_are_not_guessed_at(tmp_path):
  (tmp_path / 'checkpoints').mkdir()
  with pytest.raises(UserError, match='no config.json'):
    run_folder.create(tmp_path, config_lib.make(), dataset(), False)


def test_not_a_run_folder(tmp_path):
  with pytest.raises(UserError, match='not a run folder'):
    run_folder.load_config(tmp_path)


@pytest.mark.parametrize('kind', ['plain', 'emsn', 'spectral_channels'])
def test_domains_survive(tmp_path, kind):
  config = config_lib.make(normalization=kind)
  run_folder.create(tmp_path, config, dataset(max_value=65535.0), False)
  domains = run_folder.load_domains(tmp_path, config)
  assert domains == make_domains(config.data, {'rgb': 65535.0, 'ir': 65535.0})
  (tmp_path / 'data.json').write_text(json.dumps({}))
  with pytest.raises(UserError, match='data.json'):
    run_folder.load_domains(tmp_path, config)


@pytest.mark.parametrize(
  'checkpoint, name',
  [('best', 'test'), ('latest', 'test_latest'), ('400', 'test_step400'), ('0400', 'test_step400')],
)
def test_measurements_of_each_checkpoint_have_a_folder(tmp_path, checkpoint, name):
  assert run_folder.evaluation(tmp_path, 'test', checkpoint) == tmp_path / 'evaluation' / name


def test_a_falling_learning_rate_fixes_the_length(tmp_path):
  (tmp_path / 'config.json').write_text(config_lib.to_json(config_lib.make('cyclegan', epochs=20)))
  with pytest.raises(UserError) as error:
    run_folder.check(tmp_path, config_lib.make('cyclegan', epochs=40))
  assert '--decay_start: 10 there, 20 now' in str(error.value)
  assert f'--initialize_from={tmp_path}' in str(error.value)
  with pytest.raises(UserError) as error:
    run_folder.check(tmp_path, config_lib.make('cyclegan', epochs=20, seed=1))
  assert '--initialize_from' not in str(error.value)


def test_auto_means_the_span_of_the_run(tmp_path):
  automatic = config_lib.make(ir_span='auto')
  assert run_folder.own_span(tmp_path, automatic) == automatic
  kept = config_lib.with_span(automatic, radiometry.Range(7200, 7900, ''))
  run_folder.create(tmp_path, kept, dataset(), False)
  assert run_folder.load_config(tmp_path).data.ir_span == '7200:7900'
  run_folder.check(tmp_path, automatic)
  assert run_folder.own_span(tmp_path, automatic) == kept
  other = config_lib.make(ir_span='0:4095')
  assert run_folder.own_span(tmp_path, other) == other
  with pytest.raises(UserError, match='--ir_span: 7200:7900 there, 0:4095 now'):
    run_folder.check(tmp_path, other)


def test_splits_of_a_run_come_from_its_data(tmp_path):
  assert run_folder.splits_of(tmp_path) == ['train', 'validation', 'test']
  (tmp_path / 'data.json').write_text('{"splits": {"train": {}}}')
  assert run_folder.splits_of(tmp_path) == ['train']

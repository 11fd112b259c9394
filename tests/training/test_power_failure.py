"""What is on the disk before it counts, as fsync would have it."""

import os
import pathlib
import shutil

import numpy as np
import pytest

from benchmarks import cuts, disks
from cyclegan_jax import files
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.training import checkpoint
import datasets
from tests.conftest import make_pairs
from tests.training.test_loop import train


@pytest.fixture
def synced(monkeypatch):
  """The files and folders that have been synced so far, with the size that they had."""
  found, fsync = {}, os.fsync

  def noted(descriptor):
    path = pathlib.Path(os.readlink(f'/proc/self/fd/{descriptor}'))
    found[path] = os.stat(descriptor).st_size
    fsync(descriptor)

  monkeypatch.setattr(files.os, 'fsync', noted)
  return found


def test_older_checkpoints_go_once_newer_ones_are_on_the_disk(tiny, tmp_path, monkeypatch, synced):
  workdir, removed, rmtree = tmp_path / 'run', [], shutil.rmtree

  def watched(path, **options):
    path = pathlib.Path(path)
    if path.name == '.trash' and path.exists():
      steps = sorted(int(p.name) for p in path.parent.iterdir() if p.name.isdecimal())
      newest = path.parent / str(steps[-1])
      there = {newest, path.parent, *newest.rglob('*')}
      removed.append((sorted(p.name for p in path.iterdir()), there - synced.keys()))
    rmtree(path, **options)

  monkeypatch.setattr(checkpoint.shutil, 'rmtree', watched)
  train(tiny(steps=4, checkpoint_every=1, keep_checkpoints=1), workdir)
  assert removed and not any(missing for _, missing in removed)
  # What says which run it is cannot be lost either; it is synced under its temporary name.
  for name in ('config.json', 'data.json'):
    assert any(path.name.startswith(f'.{name}') for path in synced)


def test_rows_and_samples_are_on_the_disk_before_their_checkpoint(
  tiny, tmp_path, monkeypatch, synced
):
  workdir, late, save = tmp_path / 'run', [], checkpoint.Checkpoints.save

  def watched(self, step, *arguments):
    files = [*workdir.glob('*.csv'), workdir / 'samples', workdir]
    assert step < 1 or {'metrics.csv', 'validation.csv'} < {file.name for file in files}
    # A picture is synced under its temporary name.
    assert len([path for path in synced if path.suffix == '.tmp' and 'step_' in path.name]) >= step
    late.extend(file for file in files if synced.get(file) != file.stat().st_size)
    save(self, step, *arguments)

  monkeypatch.setattr(checkpoint.Checkpoints, 'save', watched)
  train(tiny(steps=2, checkpoint_every=1, log_every=1), workdir)
  train(tiny(steps=3, checkpoint_every=1, log_every=1), workdir)
  assert late == [] and (workdir / 'samples' / 'step_00000003.png').exists()


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tiny, tmp_path, synced):
  folder = tmp_path / 'run' / 'checkpoints'
  train(tiny(steps=2, checkpoint_every=2), folder.parent)
  unfinished = next(path for path in synced if '2.orbax-checkpoint-tmp' in path.name)
  before = {
    path.relative_to(unfinished): size
    for path, size in synced.items()
    if path.is_relative_to(unfinished)
  }
  files = [path for path in (folder / '2').rglob('*') if path.is_file()]
  # What Orbax writes last says when it was saved, and is not needed.
  needed = {
    path.relative_to(folder / '2'): path.stat().st_size
    for path in files
    if path.name not in ('_CHECKPOINT_METADATA', 'commit_success.txt')
  }
  assert len(needed) > 3 and needed.items() <= before.items()


def test_a_durable_file_is_synced_before_it_has_its_name(tmp_path, monkeypatch, synced):
  target, replace, before = tmp_path / 'file', os.replace, []

  def watched(source, destination):
    before.append(pathlib.Path(source) in synced)
    replace(source, destination)

  monkeypatch.setattr(files.os, 'replace', watched)
  files.write_text(target, 'new', durable=True)
  assert before == [True] and tmp_path in synced and target.read_text() == 'new'
  synced.clear()
  files.write_text(target, 'newer')
  assert before == [True, False] and not synced


def test_prepared_data_are_on_the_disk_before_they_have_their_name(tmp_path, synced):
  config = DataConfig(
    dataset='folder', source_dir=str(make_pairs(tmp_path / 'raw')), data_dir=str(tmp_path / 'data')
  )
  copy = pathlib.Path(tmp_path, 'data', datasets.open_dataset(config).prepared)
  before = {path.name: size for path, size in synced.items() if 'incomplete' in str(path.parent)}
  records = {file.name: file.stat().st_size for file in copy.glob('*.array_record*')}
  assert records and before.items() > records.items()
  assert {'dataset_info.json', 'features.json'} < before.keys()


@pytest.fixture
def can_cut(tmp_path):
  """Skips where there is no disk whose power can be cut."""
  (tmp_path / 'try').mkdir()
  try:
    with disks.disk(tmp_path / 'try', 'data=ordered') as disk, disk.shown():
      pass
  except OSError as error:
    pytest.skip(f'needs the right to mount, mkfs.ext4, and mkfs.xfs: {error}')


@pytest.mark.slow
@pytest.mark.usefixtures('can_cut')
def test_a_run_goes_on_from_what_a_power_failure_leaves(tmp_path):
  rng = np.random.default_rng(0)
  found = cuts.measure(tmp_path, True, 'data=writeback', number=3, rng=rng)
  assert len(found) > 1 and [cut.fault for cut in found] == [''] * len(found)


@pytest.mark.usefixtures('can_cut')
def test_what_is_not_synced_is_lost(tmp_path):
  with disks.disk(tmp_path, 'data=ordered') as disk:
    with disk.shown() as place:
      files.write_text(place / 'kept', 'text', durable=True)
      (place / 'lost').write_text('text')
      disk.cut('cut')
      disk.sync()
      disk.cut('later')
    with disk.shown('cut') as place:
      assert (place / 'kept').read_text() == 'text'
      assert not (place / 'lost').exists() or not (place / 'lost').read_text()
    with disk.shown('later') as place:
      assert (place / 'lost').read_text() == 'text'


def test_figures_of_cuts():
  def cut(phase, seen, began, **others):
    facts = dict(left=seen, damaged=0, status=0, differences=[], fault='')
    return cuts.Cut(phase, seen, began=began, **{**facts, **others})

  assert cuts.fault((12, 24), 12, 0, []) == '' == cuts.fault((12,), 0, 0, [])
  assert 'began at step 0' in cuts.fault((12, 24), 0, 0, [])
  assert 'status 2' in cuts.fault((), None, 2, [])
  assert 'differs' in cuts.fault((), 0, 0, ['metrics.csv'])
  done = [cut('start-up', (), 0), cut('save', (12, 24), 24), cut('save', (12, 24), 12, damaged=1)]
  done.append(cut('steps', (12,), 24, fault='the result differs'))
  found = cuts.summary(done)
  assert list(found.values()) == [4, 1, 1, 2, 0, 1, 1, 1, 1, 1, 1]
  assert '| faults | 1 |' in cuts.table({'pairs': done})

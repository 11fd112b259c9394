"""One rule for which files count: in training, in checks, and in translation."""

import os
import shutil

import numpy as np
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import formats, images, walk
from cyclegan_jax.inference.export import check
from cyclegan_jax.inference.files import inputs
from datasets import archives
from datasets.folder import config as config_lib

LEFT_OUT = (
  '.ipynb_checkpoints/a-checkpoint.png',
  '.thumbnails/large/a.png',
  '@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg',
  '$RECYCLE.BIN/old.jpg',
  '__MACOSX/b.png',
  '__MACOSX/._a.png',
  '._a.png',
  'Thumbs.db',
  '.DS_Store',
  'desktop.ini',
)


@pytest.fixture
def photos(tmp_path):
  """A folder of photographs as it looks after a while: a, b, d, and linked/c are the user's."""
  photos, elsewhere = tmp_path / 'photos', tmp_path / 'elsewhere'
  rng = np.random.default_rng(0)
  for path in (photos / 'a.png', photos / 'b.PNG', elsewhere / 'c.png'):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(images.encode_png(rng.integers(0, 255, (8, 8, 3), np.uint8)))
  for name in LEFT_OUT:
    (photos / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(photos / 'a.png', photos / name)
  for name, target in (('linked', '../elsewhere'), ('d.png', '../elsewhere/c.png'), ('loop', '.')):
    (photos / name).symlink_to(target)
  return photos


KEPT = ['a.png', 'b.PNG', 'd.png', 'linked/c.png']


def names(files):
  return ['/'.join(file.parts) for file in files]


def test_the_users_files_are_found_and_loops_end(photos):
  passed_over = set()
  found = list(walk.files_below(photos, passed_over=passed_over))
  assert names(found) == KEPT and all(file.is_regular for file in found)
  assert passed_over == {'$RECYCLE.BIN', '@eaDir', '__MACOSX'}
  assert names(walk.files_below(photos, recursive=False)) == ['a.png', 'b.PNG', 'd.png']
  # A link to a folder above the first one is a loop, too.
  (photos / 'linked' / 'up').symlink_to(photos.parent)
  assert names(walk.files_below(photos)) == KEPT
  assert names(walk.files_below(photos / 'linked')) == ['c.png']


def test_file_systems_without_numbers(photos, monkeypatch):
  real = os.stat
  without = lambda path: os.stat_result((real(path)[0], 0, *real(path)[2:]))
  monkeypatch.setattr(os, 'stat', without)
  assert names(walk.files_below(photos)) == KEPT


def test_translation_takes_the_same_files(photos, tmp_path):
  for given in (str(photos), f'{photos}/**/*', f'{photos}/**'):
    plan = inputs.plan([given], tmp_path / 'out')
    found = sorted(str(job.relative) for job in plan.jobs)
    assert found == ['a.png', 'b.png', 'd.png', 'linked/c.png'], given
  plan = inputs.plan([str(photos)], tmp_path / 'out')
  assert [os.path.basename(path) for path in plan.passed_over] == [
    '$RECYCLE.BIN',
    '@eaDir',
    '__MACOSX',
  ]
  assert not plan.left_out
  named = inputs.plan([f'{photos}/*', f'{photos}/@eaDir/a.png'], tmp_path / 'out')
  assert 'SYNOPHOTO_THUMB_M.png' in {job.target.name for job in named.jobs}, 'it was asked for'


def test_training_checks_and_archives_take_the_same_files(photos, tmp_path):
  source = tmp_path / 'source'
  shutil.copytree(photos, source / 'rgb', symlinks=True)
  shutil.copytree(photos, source / 'ir', symlinks=True)
  shutil.copytree(tmp_path / 'elsewhere', source / 'elsewhere')
  config = config_lib.folder_config(source, ir_channels=3)
  ids = sorted(example.id for split in config.examples.values() for example in split)
  assert ids == ['a', 'b', 'd', 'linked/c']
  assert 'Folders of the system are passed over: ir/$RECYCLE.BIN' in config.notes[0]
  # Archives read each place once, so that linked/c is not d again.
  found = {located.file.stem for located in archives.walk(photos, ('.png', '.jpg'))}
  assert found == {'a', 'b', 'c', 'd'}
  read = check.examples_from_folder(photos)
  assert sorted(os.path.relpath(example.name, photos) for example in read) == KEPT


def test_odd_files_are_counted_in_translation(photos, tmp_path):
  os.mkfifo(photos / 'wait.png')
  (photos / 'gone.png').symlink_to('nowhere')
  (photos / 'x.gif').write_bytes(b'GIF89a')
  (photos / 'README').write_text('mine')
  plan = inputs.plan([str(photos)], tmp_path / 'out')
  assert len(plan.jobs) == len(KEPT)
  assert plan.left_out == {
    '.gif': 1,
    'without extension': 1,
    'links to nowhere or special files': 2,
  }


def test_nothing_but_other_files_is_refused_with_what_is_there(tmp_path):
  (tmp_path / 'x.gif').write_bytes(b'GIF89a')
  with pytest.raises(UserError, match=r'holds no images.*It holds 1 \.gif'):
    inputs.plan([str(tmp_path)], tmp_path.parent / 'out')


def test_counts_for_people(monkeypatch):
  kinds = walk.by_kind(['a.GIF', 'b.gif', 'c.heic', 'd'])
  assert walk.described(kinds) == f'2 .gif, 1 .heic ({formats.HEIF_ADVICE}), 1 without extension'


def test_unreadable_folders_are_named(tmp_path):
  with pytest.raises(UserError, match='nowhere: cannot be read: No such file'):
    list(walk.files_below(tmp_path / 'nowhere'))

"""Finding the files of AAU VAP Trimodal in all layouts, and refusing broken ones."""

import pathlib
import re

import pytest

from cyclegan_jax import errors
from datasets.aau.config import aau_config
from tests.datasets import aau_trees
from tests.datasets.aau_trees import SIZE, tree, without, zipped
from tests.datasets.test_osu import put


def each_scene_zipped(found):
  return {
    path.replace('TrimodalDataset/', '').replace('/', '.zip/', 1): data
    for path, data in found.items()
  }


LAYOUTS = {
  'zip': zipped(tree()),
  'unpacked': tree(),
  'nested': tree(name='a/b/TrimodalDataset/Scene {}'),
  'scenes alone': tree(name='Scene {}'),
  'zip of scenes, deeper': zipped(tree(name='Scene {}'), 'a/archive.zip'),
  'a zip for each scene': each_scene_zipped(tree()),
  'a zip for a kind': {
    path.replace('/SyncT/', '/SyncT.zip/'): data for path, data in tree().items()
  },
  'Scene1': tree(name='Scene{}'),
  'scene_1': tree(name='TrimodalDataset/scene_{}'),
  'SCENE-1': tree(name='SCENE-{}'),
  'frames in a folder more': {
    re.sub(r'/Sync(\w+)/', r'/sync\1/frames/', path): data for path, data in tree().items()
  },
  'zip and unpacked': zipped(tree()) | tree(scenes='2', name='unpacked/Scene {}'),
  'png, numbers not padded': {
    re.sub(r'SyncRGB/0+', 'SyncRGB/', path): data for path, data in tree().items()
  },
}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts(layout, tmp_path):
  config = aau_config(put(tmp_path, LAYOUTS[layout]))
  assert [pair.id for pair in config.pairs] == [
    f'{scene}/{i:05d}' for scene in '123' for i in range(85, 93)
  ]
  for pair in config.pairs:
    scene, frame = pair.id.split('/')
    assert pair.rgb.number == pair.ir.number == int(frame) and pair.depth is None
    assert 'SyncRGB' in pair.rgb.shown or 'syncRGB' in pair.rgb.shown
    assert re.search(rf'scene[ _-]?{scene}', pair.ir.shown, re.IGNORECASE)
    annotated = int(frame) % 2 == 1
    assert (pair.ir_mask is not None) == (pair.rgb_mask is not None) == annotated
    if annotated:
      assert pair.ir_mask.number == int(frame) and 'thermalMasks' in pair.ir_mask.shown
      assert 'rgbMasks' in pair.rgb_mask.shown
  assert 'Scene 1: 8 pairs from 8 RGB, 8 thermal frames; 4 are annotated.' in config.notes
  assert not config.unmatched
  assert re.fullmatch('paper-none-[0-9a-f]{12}', config.name)
  assert config.description == '24 pairs, split by paper, registration none.'


def test_a_zip_goes_before_what_was_unpacked_from_it(tmp_path):
  config = aau_config(put(tmp_path, LAYOUTS['zip and unpacked']))
  assert all(pair.rgb.archive for pair in config.pairs)
  assert any(
    re.match(r'Scene 2 is read from .*archive\.zip/TrimodalDataset/Scene 2; .*unpacked', note)
    for note in config.notes
  )


def test_what_is_not_a_frame_is_ignored(tmp_path):
  extra = {
    'TrimodalDataset/Scene 1/rgb_roi.png': b'x',
    'logo.jpg': b'x',
    '.hidden/1.png': b'x',
    'TrimodalDataset/Scene 2/SyncT/Thumbs.db': b'x',
  }
  config = aau_config(put(tmp_path, tree() | extra))
  assert config.notes[0].startswith('2 other images')


def test_names_that_are_no_numbers(tmp_path):
  found = {
    re.sub(r'000(\d\d)\.(jpg|png)$', r'img_\1_sync.\2', path): data for path, data in tree().items()
  }
  config = aau_config(put(tmp_path, found))
  assert config.pairs[0].id == '1/img_85_sync'


def test_name_changes_with_content_and_options(tmp_path):
  source = put(tmp_path / '0', zipped(tree()))
  configs = [
    aau_config(source),
    aau_config(source, split_by='sequence'),
    aau_config(source, skip_scenes='2'),
    aau_config(put(tmp_path / '1', zipped(without(tree(), 'thermalMasks/00085')))),
  ]
  assert len({config.name for config in configs}) == 4
  again = put(tmp_path / '2', zipped(tree()))
  assert aau_config(again, plane_depth=3000.0).name == configs[0].name


def test_scene_3_is_held_out(tmp_path):
  config = aau_config(put(tmp_path, tree(40)), split_by='sequence')
  of = {split: {pair.sequence for pair in pairs} for split, pairs in config.examples.items()}
  assert of == {'train': {'1', '2'}, 'validation': {'1', '2'}, 'test': {'3'}}
  assert 'Split by sequence: 68 train, 8 validation, 40 test' in config.notes[-1]


def test_scenes_are_skipped(tmp_path):
  config = aau_config(put(tmp_path, tree()), skip_scenes='1, 3')
  assert {pair.sequence for pair in config.pairs} == {'2'}
  assert 'Scene 1, 3 left out (--skip_scenes).' in config.notes
  source = put(tmp_path / 'two', tree(scenes='13'))
  assert len(aau_config(source, skip_scenes='2').pairs) == 16
  config = aau_config(source, allow_unmatched=True)
  assert len(config.pairs) == 16 and 'Scene 2 missing: left out.' in config.notes


@pytest.mark.parametrize('skip_scenes', ['4', '2,', 'two', '1,2,3', '1;2', ','])
def test_bad_skip_scenes_are_refused(skip_scenes, tmp_path):
  with pytest.raises(errors.UserError, match=f'--skip_scenes={skip_scenes}: must be one or two'):
    aau_config(put(tmp_path, tree(1)), skip_scenes=skip_scenes)


BROKEN = {
  'missing scene': (
    tree(scenes='13'),
    {},
    'Scene 2 missing; found Scene 1, Scene 3, expected.*kaggle.*--skip_scenes=2',
  ),
  'empty': ({}, {}, 'Scene 1, Scene 2, Scene 3 missing; found none'),
  'nothing left': (
    tree(scenes='1'),
    {'skip_scenes': '1', 'allow_unmatched': True},
    'Scene 2, Scene 3 missing; found Scene 1',
  ),
  'unknown scene': (tree(scenes='1234'), {}, "unknown scene: its folder is called 'Scene 4'"),
  'two folders': (
    tree() | tree(scenes='2', name='copy/Scene {}'),
    {},
    'Scene 2 is there 2 times: .*TrimodalDataset/Scene 2, .*copy/Scene 2|'
    'Scene 2 is there 2 times: .*copy/Scene 2, .*TrimodalDataset/Scene 2',
  ),
  'two zips': (zipped(tree()) | zipped(tree(), 'other.zip'), {}, 'Scene 1 is there 2 times'),
  'damaged zip': (tree() | {'more.zip': b'PK'}, {}, r'more\.zip: not a whole zip file'),
  'no thermal': (
    without(tree(), 'Scene 2/SyncT'),
    {},
    'Scene 2: no images in a folder SyncT.*--skip_scenes=2',
  ),
  'no RGB': (
    without(zipped(tree()), 'Scene 3/SyncRGB'),
    {},
    r'archive\.zip/TrimodalDataset/Scene 3: no images in a folder SyncRGB',
  ),
  'missing partner': (
    without(tree(), 'Scene 1/SyncT/00087'),
    {},
    r'1 of 47 frames have no partner .*Scene 1/SyncRGB: frames 87\), expected at most'
    '.*--allow_unmatched',
  ),
  'same frame twice': (
    tree() | {'TrimodalDataset/Scene 1/SyncT/00085.png': b'x'},
    {},
    'are both frame 00085 of SyncT',
  ),
  'no partners at all': (
    {path.replace('SyncT/000', 'SyncT/010'): data for path, data in tree().items()},
    {'allow_unmatched': True},
    '48 of 48 frames have no partner',
  ),
  'split_by': (tree(1), {'split_by': 'hash'}, '--split_by=hash: must be one of paper, sequence'),
  'registration': (tree(1), {'registration': 'best'}, '--registration=best: must be one of none'),
  'plane_depth': (tree(1), {'plane_depth': -1.0}, '--plane_depth=-1.0: must be a distance'),
  'nan': (tree(1), {'plane_depth': float('nan')}, '--plane_depth=nan: must be a distance'),
  'held-out scene skipped': (
    tree(),
    {'split_by': 'sequence', 'skip_scenes': '3'},
    'sequences 3 are to be held out',
  ),
  'no calibration': (
    tree(),
    {'registration': 'plane'},
    r'Scene 1, .*Scene 3: no calibVars\.yml; --registration=plane needs it\..*'
    '--registration=none, which works without',
  ),
  'no depth frames': (
    without(tree(), 'SyncD'),
    {'registration': 'depth'},
    'Scene 1: no images in a folder SyncD; .*another --registration',
  ),
}


@pytest.mark.parametrize('case', BROKEN)
def test_broken_trees_are_refused(case, tmp_path):
  found, options, message = BROKEN[case]
  with pytest.raises(errors.UserError, match=f'(?s){message}'):
    aau_config(put(tmp_path, found), **options)


def test_no_folder(tmp_path):
  with pytest.raises(errors.UserError, match='--source_dir is empty.\nDownload https://www.kaggle'):
    aau_config('')
  with pytest.raises(errors.UserError, match='nowhere: does not exist'):
    aau_config(tmp_path / 'nowhere')


def test_losses_are_allowed_by_flag_and_reported(tmp_path):
  found = without(tree(), 'Scene 1/SyncT/00087', 'Scene 1/SyncT/00088', 'Scene 2/SyncRGB/00090')
  config = aau_config(put(tmp_path, found), allow_unmatched=True)
  assert len(config.pairs) == 21
  assert [pathlib.Path(name).name for name in config.unmatched] == [
    '00087.jpg',
    '00088.jpg',
    '00090.jpg',
  ]
  assert 'Scene 1: 2 RGB frame(s) without partner: 87-88.' in config.notes
  assert 'Scene 2: 1 thermal frame(s) without partner: 90.' in config.notes


def test_one_percent_may_be_lost(tmp_path):
  config = aau_config(put(tmp_path, without(tree(20), 'Scene 1/SyncT/00100')))
  assert len(config.pairs) == 59 and len(config.unmatched) == 1


def test_depth_frames_and_calibration_are_found(tmp_path):
  aau_trees.opencv()
  found = without(tree(40, rig_size=SIZE), 'Scene 1/SyncD/00090')
  config = aau_config(put(tmp_path, zipped(found)), registration='depth')
  assert len(config.pairs) == 119 and all(pair.depth for pair in config.pairs)
  assert sorted(config.calibrations) == ['1', '2', '3']
  assert 'Scene 1: 1 thermal frame(s) without partner: 90.' in config.notes
  assert any(note.startswith('Scene 2: its calibration') for note in config.notes)
  skipped = aau_config(tmp_path, registration='depth', skip_scenes='2')
  assert not any(note.startswith('Scene 2: its') for note in skipped.notes)
  assert (
    aau_config(tmp_path, registration='plane', plane_depth=2000.0).name
    != aau_config(tmp_path, registration='plane').name
  )


def test_registration_none_warns(tmp_path):
  config = aau_config(put(tmp_path, tree()))
  assert any(
    'are not registered' in note and '--registration=depth' in note for note in config.notes
  )

"""Finding the files of OSU Color-Thermal in all layouts, and refusing broken ones."""

import io
import pathlib
import re
import zipfile

import numpy as np
from PIL import Image
import pytest

from cyclegan_jax import errors
from datasets.osu import borders, files
from datasets.osu.config import osu_config

SIZE = (10, 12)


def encoded(array, extension):
  buffer = io.BytesIO()
  pixels = array[..., 0] if array.shape[-1] == 1 else array
  kind = {'jpg': 'JPEG'}.get(extension.lower(), extension.upper())
  Image.fromarray(pixels).save(buffer, kind)
  return buffer.getvalue()


def picture(seed, channels, size=SIZE):
  return np.random.default_rng(seed).integers(30, 256, (*size, channels), dtype=np.uint8)


def tree(
  frames=6, *, parts=None, extension='bmp', first=1, folder='', thermal='a', three_channels=False
):
  """Path below the source folder -> content; 'X.zip/member' is a member of a zip."""
  found = {}
  for part in parts or [s + letter for s in '123456' for letter in 'ab']:
    for i in range(frames):
      is_thermal = part[1] == thermal
      array = picture([int(part[0]), i, is_thermal], 1 if is_thermal else 3)
      if is_thermal and three_channels:
        array = np.repeat(array, 3, -1)
      found[f'{part}.zip/{folder}img_{first + i:05d}.{extension}'] = encoded(array, extension)
  return found


def unpacked(found, above=''):
  return {above + path.replace('.zip/', '/'): data for path, data in found.items()}


def put(source, found):
  """Writes a tree and returns the source folder."""
  source.mkdir(parents=True, exist_ok=True)
  archives = {}
  for path, data in found.items():
    archive, _, member = path.partition('.zip/')
    if member:
      archives.setdefault(archive, []).append((member, data))
    else:
      (source / path).parent.mkdir(parents=True, exist_ok=True)
      (source / path).write_bytes(data)
  for archive, members in archives.items():
    path = source / f'{archive}.zip'
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as opened:
      for member, data in members:
        opened.writestr(member, data)
  return source


LAYOUTS = {
  'zips': tree(),
  'zips with folders': tree(folder='OSU/1 frames/'),
  'zips with a folder of their name': {
    path.replace('.zip/', f'.zip/{path[:2]}/'): data for path, data in tree().items()
  },
  'one zip': {f'OTCBVS.zip/{path}': data for path, data in unpacked(tree()).items()},
  'unpacked': unpacked(tree()),
  'unpacked deeper': unpacked(tree(folder='a/b/'), 'Data/03/'),
  'png': unpacked(tree(extension='png')),
  'jpg': tree(extension='jpg'),
  'three equal channels': tree(three_channels=True),
  'from 0': tree(first=0),
  'b is thermal': tree(thermal='b'),
  'capitals': {path.upper().replace('.ZIP/', '.zip/'): data for path, data in tree().items()},
  'mixed': tree(parts=['1a', '1b', '2a', '4b', '5a', '6a', '6b'])
  | unpacked(tree(parts=['2b', '3a', '3b', '4a', '5b'])),
}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts(layout, tmp_path):
  config = osu_config(put(tmp_path, LAYOUTS[layout]))
  start = 0 if layout == 'from 0' else 1
  assert [pair.id for pair in config.pairs] == [
    f'{s}/{i:05d}' for s in range(1, 7) for i in range(start, start + 6)
  ]
  thermal = 'b' if layout == 'b is thermal' else 'a'
  assert set(config.thermal.values()) == {thermal}
  for pair in config.pairs:
    assert pair.rgb.number == pair.ir.number == int(pair.id[2:])
    assert f'{pair.sequence}{thermal}' in pair.ir.shown.lower()
    assert f'{pair.sequence}{thermal}' not in pair.rgb.shown.lower()
  assert 'Sequence 1: 6 pairs from 6 thermal' in config.notes[0]
  assert not config.unmatched
  assert re.fullmatch('paper-[0-9a-f]{12}', config.name)


def test_what_is_not_a_frame_is_ignored(tmp_path):
  extra = {
    '1a.zip/__MACOSX/._img_00001.bmp': b'x',
    '2b.zip/Thumbs.db': b'x',
    '.hidden/1.png': b'x',
    '3a.zip/background.bmp': b'x',
    'other/0001.png': b'x',
  }
  config = osu_config(put(tmp_path, tree() | extra))
  assert len(config.pairs) == 36
  assert config.notes[0].startswith('2 other images')


def test_frames_are_sorted_as_numbers(tmp_path):
  found = {re.sub(r'img_0+', '', path): data for path, data in tree(12).items()}
  config = osu_config(put(tmp_path, found))
  assert [pair.rgb.number for pair in config.pairs[:12]] == list(range(1, 13))


def test_zips_go_before_what_was_unpacked_from_them(tmp_path):
  config = osu_config(put(tmp_path, tree() | unpacked(tree(parts=['1a']))))
  assert config.pairs[0].ir.archive.endswith('1a.zip')
  assert any(note.startswith('1a is read from') for note in config.notes)


def test_parts_numbered_from_0_and_1_are_paired_in_order(tmp_path):
  found = dict(tree(parts=['1a'], first=0).items())
  found |= tree(parts=[s + letter for s in '123456' for letter in 'ab'][1:])
  config = osu_config(put(tmp_path, found))
  assert [(p.rgb.number, p.ir.number) for p in config.pairs[:6]] == [(i + 1, i) for i in range(6)]
  note = 'Sequence 1: color frames are numbered from 1, thermal ones from 0; they are paired '
  assert note + 'in order.' in config.notes
  (tmp_path / '1a.zip').unlink()
  put(tmp_path, without(tree(parts=['1a'], first=0), '1a.zip/img_00003'))
  config = osu_config(tmp_path, allow_unmatched=True)
  assert [p.ir.number for p in config.pairs[:4]] == [1, 2, 4, 5]
  assert note + 'by number all the same; check that they match.' in config.notes


def test_name_changes_with_content_and_options(tmp_path):
  found = tree()
  names = [
    osu_config(put(tmp_path / '0', found), split_by=split_by).name
    for split_by in ('paper', 'sequence', 'location')
  ]
  assert osu_config(put(tmp_path / '1', found)).name == names[0]
  found['1a.zip/img_00001.bmp'] = encoded(picture(99, 1), 'bmp')
  names.append(osu_config(put(tmp_path / '2', found)).name)
  assert len(set(names)) == 4


@pytest.mark.parametrize(
  'split_by, test, others',
  [('sequence', {'3', '6'}, {'1', '2', '4', '5'}), ('location', {'4', '5', '6'}, {'1', '2', '3'})],
)
def test_sequences_are_held_out(split_by, test, others, tmp_path):
  config = osu_config(put(tmp_path, tree()), split_by=split_by)
  of = {split: {pair.sequence for pair in pairs} for split, pairs in config.examples.items()}
  assert of['test'] == test
  assert of['train'] | of['validation'] == others
  assert f'Split by {split_by}: ' in config.notes[-1]


def without(found, *paths):
  return {path: data for path, data in found.items() if not path.startswith(paths)}


BROKEN = {
  'missing zip': (without(tree(), '3b'), r'3b\.zip \(or folders.*1a, 1b, 2a.*vcipl-okstate'),
  'missing sequence': (without(tree(), '4'), r'4a\.zip, 4b\.zip .*--allow_unmatched'),
  'empty': ({}, 'found none, expected 1a to 6b'),
  'other images only': ({'rgb/1.png': b''}, 'found none, expected 1a to 6b. 1 other images'),
  'missing partner': (
    without(tree(), '2a.zip/img_00003'),
    r'1 of 71 frames have no partner \(.*2b\.zip: frames 3\).*at most 1 %',
  ),
  'both in color': (
    without(tree(), '5a')
    | {path.replace('5b', '5a'): data for path, data in tree(parts=['5b']).items()},
    '5a and 5b are both in color',
  ),
  'sequences contradict': (
    without(tree(), '6') | tree(parts=['6a', '6b'], thermal='b'),
    'thermal parts are 1a, 2a, 3a, 4a, 5a, 6b',
  ),
  'same number twice': (
    tree() | {'1a.zip/more/img_00002.bmp': b'x'},
    'are both frame 2; expected one file',
  ),
  'two folders': (unpacked(tree()) | unpacked(tree(parts=['1a']), 'copy/'), '1a is there 2 times'),
  'damaged zip': (tree() | {'7.zip': b'PK but no more'}, r'7\.zip: not a whole zip file'),
  'both gray': (
    without(tree(), '5b')
    | {path.replace('5a', '5b'): data for path, data in tree(parts=['5a']).items()},
    '5a and 5b are both gray',
  ),
  'unreadable part': (
    without(tree(), '2a') | {f'2a.zip/{i}.bmp': b'x' for i in range(3)},
    'None of 3 frames of 2a can be read, such as',
  ),
}


@pytest.mark.parametrize('case', BROKEN)
def test_broken_trees_are_refused(case, tmp_path):
  found, message = BROKEN[case]
  with pytest.raises(errors.UserError, match=f'(?s){message}'):
    osu_config(put(tmp_path, found))


def test_bad_arguments_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match='--split_by=hash: must be one of paper, sequence'):
    osu_config(tmp_path, split_by='hash')
  with pytest.raises(errors.UserError, match='--source_dir is empty.\nDownload 1a.zip'):
    osu_config('')
  with pytest.raises(errors.UserError, match='nowhere: does not exist'):
    osu_config(tmp_path / 'nowhere')


def test_losses_are_allowed_by_flag_and_reported(tmp_path):
  found = without(tree(), '2a.zip/img_00003', '2a.zip/img_00004', '3b', '6')
  config = osu_config(put(tmp_path, found), allow_unmatched=True)
  assert len(config.pairs) == 22
  assert [pathlib.Path(name).name for name in config.unmatched] == [
    'img_00003.bmp',
    'img_00004.bmp',
  ]
  assert '3b.zip, 6a.zip, 6b.zip missing: sequence(s) 3, 6 left out.' in config.notes
  assert 'Sequence 2: 2 color frame(s) without partner: 3-4.' in config.notes


def test_a_dark_color_frame_does_not_confuse(tmp_path):
  dark = {'1b.zip/img_00001.bmp': encoded(np.zeros((*SIZE, 3), np.uint8), 'bmp')}
  assert osu_config(put(tmp_path, tree() | dark)).thermal['1'] == 'a'


def test_one_percent_may_be_lost(tmp_path):
  config = osu_config(put(tmp_path, without(tree(20), '1b.zip/img_00020')))
  assert len(config.pairs) == 119 and len(config.unmatched) == 1


def test_borders():
  rng = np.random.default_rng(0)
  frames = rng.integers(0, 256, (32, 100, 120, 1), dtype=np.uint8)
  frames[:, :7] = 0
  frames[:, -2:] = 3
  frames[:, :, :19] = 0
  frames[:, 7:10, :60] = 0  # a wedge
  found = borders.find_borders(frames)
  assert found == borders.Borders(10, 2, 19, 0)
  mask = borders.valid_mask((100, 120), found)
  assert mask.shape == (100, 120, 1) and set(np.unique(mask)) == {0, 255}
  assert np.array_equal(mask[..., 0] == 255, np.pad(np.ones((88, 101), bool), ((10, 2), (19, 0))))


@pytest.mark.parametrize('value, expected', [(0, (20, 20, 24, 24)), (5, (0, 0, 0, 0))])
def test_borders_of_constant_frames_are_limited(value, expected):
  assert borders.find_borders(np.full((2, 100, 120, 1), value, np.uint8)) == expected


def test_dark_only_sometimes_is_no_border():
  frames = np.zeros((4, 20, 20, 1), np.uint8)
  frames[2] = 100
  assert borders.find_borders(frames) == (0, 0, 0, 0)


def test_links_to_folders_above_are_followed_once(tmp_path):
  put(tmp_path, unpacked(tree(parts=['1a'])))
  (tmp_path / '1a' / 'loop').symlink_to(tmp_path)
  assert len(files.scan(tmp_path).parts['1a']) == 6


def test_a_folder_that_is_linked_elsewhere_is_read_once(tmp_path):
  put(tmp_path, unpacked(tree(parts=['1a'])))
  (tmp_path / 'more').mkdir()
  (tmp_path / 'more' / '1a').symlink_to(tmp_path / '1a')
  assert len(files.scan(tmp_path).parts['1a']) == 6

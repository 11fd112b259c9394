"""Pairs by a table of names: JSON and CSV, folders, labels, and what is refused."""

import json

import numpy as np
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.folder import config as config_lib

RGB, IR = 'video_rgb_test/data', 'video_thermal_test/data'


def image(path, channels, seed):
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = np.random.default_rng(seed).integers(0, 256, (16, 20, channels), np.uint8)
  images.write_png(path, pixels)


@pytest.fixture
def adas(tmp_path):
  """A miniature of FLIR ADAS v2: other names in each folder, and a map between them."""
  source, table = tmp_path / 'adas', {}
  for i in range(8):
    names = f'video-a-frame-{i:06}-x{i}.png', f'video-b-frame-{900 - i:06}-y{i}.png'
    image(source / RGB / names[0], 3, i)
    image(source / IR / names[1], 1, 100 + i)
    table[names[0]] = names[1]
  (source / 'rgb_to_thermal_vid_map.json').write_text(json.dumps(table))
  return source


def found(source, table='rgb_to_thermal_vid_map.json', **options):
  """The configuration, and RGB name -> IR name of its pairs."""
  config = config_lib.folder_config(source, pair_table=table, **options)
  pairs = {
    example.rgb.rpartition('/')[2]: example.ir.rpartition('/')[2]
    for examples in config.examples.values()
    for example in examples
  }
  return config, pairs


def test_a_map_as_published_needs_nothing_else(adas):
  config, pairs = found(adas)
  assert pairs == json.loads((adas / 'rgb_to_thermal_vid_map.json').read_text())
  assert config.aligned and '8 pairs by rgb_to_thermal_vid_map.json' in config.layout
  ids = {example.id for examples in config.examples.values() for example in examples}
  assert f'{RGB}/video-a-frame-000003-x3' in ids
  config, again = found(adas, rgb_dir='video_rgb_test', ir_dir='video_thermal_test')
  assert again == pairs
  ids = {example.id for examples in config.examples.values() for example in examples}
  assert 'data/video-a-frame-000003-x3' in ids


@pytest.mark.parametrize('header', ['', 'rgb,thermal\n', 'RGB image,IR image\n'])
def test_csv(adas, header):
  rows = json.loads((adas / 'rgb_to_thermal_vid_map.json').read_text())
  lines = [f'{a}, {IR}/{b}\n' for a, b in list(rows.items())[:5]]
  (adas / 'pairs.csv').write_text('\ufeff' + header + ''.join(lines), encoding='utf-8')
  config, pairs = found(adas, 'pairs.csv')
  assert pairs == dict(list(rows.items())[:5])
  assert any('6 other images belong to neither domain' in note for note in config.notes)


def test_a_table_elsewhere(adas, tmp_path):
  other = tmp_path / 'map.json'
  (adas / 'rgb_to_thermal_vid_map.json').rename(other)
  assert len(found(adas, str(other))[1]) == 8


def test_missing_images_are_counted_and_said(adas):
  (adas / RGB / 'video-a-frame-000002-x2.png').unlink()
  (adas / IR / 'video-b-frame-000897-y3.png').unlink()
  config, pairs = found(adas)
  assert len(pairs) == 6
  (note,) = [note for note in config.notes if 'rows' in note]
  assert note.startswith('2 of 8 rows of rgb_to_thermal_vid_map.json name images that are not')
  assert 'video-a-frame-000002-x2.png' in note and 'video-b-frame-000897-y3.png' in note
  assert any('2 other images belong to neither domain' in note for note in config.notes)


def test_another_table_is_another_data_set(adas):
  name = found(adas)[0].name
  rows = json.loads((adas / 'rgb_to_thermal_vid_map.json').read_text())
  keys, values = list(rows), list(rows.values())
  crossed = dict(zip(keys, values[1:] + values[:1]))
  (adas / 'rgb_to_thermal_vid_map.json').write_text(json.dumps(crossed))
  config, pairs = found(adas)
  assert pairs == crossed and config.name != name


def test_equal_names_in_both_folders(tmp_path):
  source = tmp_path / 'both'
  for i in range(4):
    image(source / 'left' / f'{i}.png', 3, i)
    image(source / 'right' / f'{i}.png', 1, i)
  (source / 'map.json').write_text(json.dumps({f'{i}.png': f'{3 - i}.png' for i in range(4)}))
  with pytest.raises(UserError, match="'0.png' fits 2 images") as caught:
    found(source, 'map.json')
  assert '--rgb_dir=FOLDER' in str(caught.value)
  _, pairs = found(source, 'map.json', rgb_dir='left', ir_dir='right')
  assert pairs == {f'{i}.png': f'{3 - i}.png' for i in range(4)}
  rows = [f'left/{i}.png,right\\{3 - i}.png' for i in range(4)]
  (source / 'map.csv').write_text('\n'.join(rows))
  assert found(source, 'map.csv')[1] == pairs


@pytest.mark.parametrize(
  'name, text, words',
  [
    ('map.json', '{"a.png": "b.png"', 'cannot be read'),
    ('map.json', '["a.png", "b.png"]', 'no JSON object of names'),
    ('map.json', '{"a.png": {"x": 1}}', 'no JSON object of names'),
    ('map.json', '{}', 'has no rows'),
    ('map.csv', 'a.png,b.png,c.png\n', 'row 1 has 3 columns'),
    ('map.csv', 'rgb,ir\n', 'has no rows'),
    ('map.json', '{"a.png": "b.png"}', "none of its 1 rows.*'a.png', for instance, is not there"),
    ('map.csv', '{0},{2}\n{1},{2}\n', '1 IR images are in several rows'),
    ('map.json', '{{"{0}": "{2}", "{0}": "{3}"}}', '1 RGB images are in several rows'),
    ('nowhere.json', None, 'cannot be read: No such file'),
  ],
)
def test_bad_tables_are_refused(adas, name, text, words):
  rows = json.loads((adas / 'rgb_to_thermal_vid_map.json').read_text())
  if text is not None:
    names = (*list(rows)[:2], *list(rows.values())[:2])
    (adas / name).write_text(text.format(*names) if '{0}' in text else text)
  with pytest.raises(UserError, match=words) as caught:
    found(adas, name)
  assert f'--pair_table={name}' in str(caught.value)


def test_no_pairs_and_a_table_contradict_each_other(adas):
  with pytest.raises(UserError, match='--pairs=none and --pair_table='):
    found(adas, pairs='none', paired=False)


@pytest.mark.parametrize('by', ['thermal', 'rgb'])
def test_labels_belong_to_pairs_by_the_name_of_either_image(adas, tmp_path, by):
  """COCO as FLIR has it: file names of one camera, with a folder."""
  rows = json.loads((adas / 'rgb_to_thermal_vid_map.json').read_text())
  names = list(rows.values() if by == 'thermal' else rows)
  coco = {
    'images': [
      {'id': i, 'file_name': f'data/{name}', 'width': 20, 'height': 16}
      for i, name in enumerate(names)
    ],
    'annotations': [
      {'id': i, 'image_id': i, 'category_id': 1, 'bbox': [0, 0, i + 1, 16]}
      for i in range(len(names))
    ],
    'categories': [{'id': 1, 'name': 'person'}],
  }
  folder = f'video_{by}_test'
  (adas / folder / 'coco.json').write_text(json.dumps(coco))
  config = DataConfig(
    dataset='folder',
    source_dir=str(adas),
    data_dir=str(tmp_path / 'data'),
    label_dir=f'{folder}/coco.json',
    paired=True,
    options={'pair_table': 'rgb_to_thermal_vid_map.json'},
  )
  dataset = datasets.open_dataset(config)
  assert dataset.class_names == ('background', 'person')
  seen = 0
  for split in dataset.splits.values():
    for i in range(len(split)):
      record = split.rgb[i]
      number = int(record['id'].decode().rpartition('-x')[2])
      assert (images.read_indices(record['labels']) == 1).sum() == 16 * (number + 1)
      seen += 1
  assert seen == 8


def test_mask_folders_are_no_images(adas, tmp_path):
  """Masks that are called like RGB images are labels alone."""
  rows = json.loads((adas / 'rgb_to_thermal_vid_map.json').read_text())
  for i, name in enumerate(rows):
    (adas / 'masks').mkdir(exist_ok=True)
    images.write_png(adas / 'masks' / name, np.full((16, 20, 1), i % 2, np.uint8))
  _, pairs = found(adas, label_dir='masks')
  assert pairs == rows

"""Labels of a user's folder: found, matched with the pairs, prepared, and refused by name."""

import json

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
from datasets.folder import config as config_lib
from datasets.loading import open_dataset
from tests.datasets.test_folder_builder import prepare
from tests.datasets.test_folder_layouts import put, put_pairs

pytestmark = pytest.mark.usefixtures('no_progress_bars')
SIZE = (16, 24)
N = 12


def indices(i, classes=3, size=SIZE):
  return np.random.default_rng(i).integers(0, classes, size, np.uint8)


def put_indices(root, *paths, size=SIZE, **options):
  """PNG files of class indices, those of `indices(i)` for the i-th."""
  for i, path in enumerate(paths):
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(indices(i, size=size, **options)).save(full)


@pytest.fixture
def source(tmp_path):
  """Pairs in rgb/ and ir/, without labels."""
  return put_pairs(
    tmp_path / 'source', *[(f'rgb/{i:02}.png', f'ir/{i:02}.png') for i in range(N)], size=SIZE
  )


def opened(source, tmp_path, label_dir='labels', **options):
  config = DataConfig(
    dataset='folder',
    source_dir=str(source),
    data_dir=str(tmp_path / 'prepared'),
    image_size=SIZE,
    label_dir=label_dir,
    **options,
  )
  return open_dataset(config), config


def seen(source, tmp_path, label_dir='labels', **options):
  """Class names, and id -> labels of all splits."""
  dataset, config = opened(source, tmp_path, label_dir, **options)
  return dataset.class_names, {
    example['id']: example['labels']
    for split in dataset.splits
    for example in pipeline.pixels(dataset, split, config)
  }


def refused(source, tmp_path, match, label_dir='labels', **options):
  with pytest.raises(UserError, match=match):
    opened(source, tmp_path, label_dir, **options)


def test_index_files_are_stored_as_they_are(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  names, found = seen(source, tmp_path)
  assert names == ('class 0', 'class 1', 'class 2') and len(found) == N
  for i in range(N):
    np.testing.assert_array_equal(found[f'{i:02}'], indices(i))
  # The label files are not among the images that are left out.
  assert 'ignored' not in opened(source, tmp_path)[0].description


def test_without_the_flag_nothing_changes(source, tmp_path):
  before = config_lib.folder_config(source).name
  put_indices(source, 'labels/00.png')
  assert config_lib.folder_config(source).name == before
  dataset, config = opened(source, tmp_path, label_dir='')
  assert dataset.class_names == () and 'labels' not in pipeline.pixels(dataset, 'train', config)[0]
  labeled = opened(source, tmp_path)[0]
  # A run can be measured with labels that it did not have in training.
  assert labeled.facts() == dataset.facts()


def test_changed_labels_are_prepared_again(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  names = {config_lib.folder_config(source, label_dir='labels').name}
  put_indices(source, 'labels/03.png', classes=5)
  names.add(config_lib.folder_config(source, label_dir='labels').name)
  (source / 'labels' / 'classes.txt').write_text('a\nb\nc\nd\ne\n')
  names.add(config_lib.folder_config(source, label_dir='labels').name)
  assert len(names) == 3


@pytest.mark.parametrize(
  'rgb, ir, label, label_dir',
  [
    (
      'train/vi/{}.png',
      'train/ir/{}.png',
      'train/Segmentation_labels/{}.png',
      'Segmentation_labels',
    ),
    ('visible/train/{}.png', 'infrared/train/{}.png', 'labels/train/{}.png', 'labels'),
    ('visible/train/{}.png', 'infrared/train/{}.png', 'labels/{}.png', 'labels'),
    ('rgb/{}_RGB.png', 'ir/{}_IR.png', 'my/labels/{}_RGB.png', 'my/labels'),
    ('rgb/{}_RGB.png', 'ir/{}_IR.png', 'labels/{}.png', 'labels'),
    ('rgb/{}.png', 'ir/{}.png', 'rgb/labels/{}.png', 'labels'),
  ],
)
def test_labels_are_named_like_the_images(tmp_path, rgb, ir, label, label_dir):
  stems = [f'x{i}' for i in range(N)]
  source = tmp_path / 'source'
  put_pairs(source, *[(rgb.format(stem), ir.format(stem)) for stem in stems], size=SIZE)
  put_indices(source, *[label.format(stem) for stem in stems])
  _, found = seen(source, tmp_path, label_dir)
  assert len(found) == N
  for id_, labels in found.items():
    np.testing.assert_array_equal(labels, indices(stems.index(id_.split('/')[-1])))


def test_missing_labels_are_counted_once_and_are_no_label(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N - 4)], 'labels/other.png')
  dataset, _ = opened(source, tmp_path)
  assert dataset.description.count('no labels') == 1
  assert '4 of 12 pairs have no labels and count as not labeled: 08, 09, 10 and 1 more.' in (
    dataset.description
  )
  assert '1 labels belong to no pair and are ignored: other.' in dataset.description
  _, found = seen(source, tmp_path)
  assert all((found[f'{i:02}'] == 255).all() for i in range(N - 4, N))


def test_yolo_files(source, tmp_path):
  for i in range(N - 1):
    path = source / 'labels' / f'{i:02}.txt'
    path.parent.mkdir(exist_ok=True)
    path.write_text('' if i == 3 else f'{i % 2} 0.5 0.5 0.5 0.25\n')
  names, found = seen(source, tmp_path)
  assert names == ('background', 'class 0', 'class 1')
  for i in range(N - 1):
    expected = np.zeros(SIZE)
    expected[6:10, 6:18] = 0 if i == 3 else 1 + i % 2
    np.testing.assert_array_equal(found[f'{i:02}'], expected)
  assert (found['11'] == 255).all()
  assert 'an empty file stands for no object' in opened(source, tmp_path)[0].description
  (source / 'data.yaml').write_text('names: [person, car, bus]')
  assert seen(source, tmp_path)[0] == ('background', 'person', 'car', 'bus')


@pytest.mark.parametrize('label_dir', ['annotations', 'annotations/all.json'])
def test_a_coco_file(source, tmp_path, label_dir):
  content = {
    'images': [{'id': i, 'file_name': f'images/rgb/{i:02}.png'} for i in range(N)],
    'categories': [{'id': 5, 'name': 'person'}],
    'annotations': [{'image_id': 2, 'category_id': 5, 'bbox': [3, 4, 5, 6]}],
  }
  (source / 'annotations').mkdir()
  (source / 'annotations' / 'all.json').write_text(json.dumps(content))
  names, found = seen(source, tmp_path, label_dir)
  assert names == ('background', 'person')
  expected = np.zeros(SIZE)
  expected[4:10, 3:8] = 1
  np.testing.assert_array_equal(found['02'], expected)
  assert not found['01'].any()


def test_labels_follow_the_splits(source, tmp_path):
  for split, part in (('train', range(8)), ('val', (8, 9)), ('test', (10, 11))):
    (source / f'{split}.txt').write_text('\n'.join(f'{i:02}.png' for i in part))
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  dataset, config = opened(source, tmp_path)
  for split, part in (('train', range(8)), ('validation', (8, 9)), ('test', (10, 11))):
    examples = list(pipeline.pixels(dataset, split, config))
    assert sorted(example['id'] for example in examples) == [f'{i:02}' for i in part]
    for example in examples:
      np.testing.assert_array_equal(example['labels'], indices(int(example['id'])))


def test_palettes_are_indices(source, tmp_path):
  for i in range(N):
    picture = PIL.Image.fromarray(indices(i), 'L')
    picture.putpalette(np.random.default_rng(9).integers(0, 256, 768, np.uint8).tobytes())
    (source / 'labels').mkdir(exist_ok=True)
    picture.save(source / 'labels' / f'{i:02}.png')
  np.testing.assert_array_equal(seen(source, tmp_path)[1]['05'], indices(5))


def test_labels_of_another_size_are_refused_by_name(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  put_indices(source, 'labels/07.png', size=(8, 12))
  refused(
    source,
    tmp_path,
    r'labels/07\.png has labels for 12x8 .*rgb/07\.png is 24x16; expected the same',
  )


def test_an_index_without_a_name_is_refused(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  (source / 'classes.txt').write_text('road\nsky\n')
  refused(source, tmp_path, r'has class 2, but there are names for 2 classes only, 0 to 1.*classes')
  (source / 'labels' / '00.txt').write_text('2 0.5 0.5 0.1 0.1')
  refused(source, tmp_path, r'00\.txt has class 2, but there are names for 2 classes only, 0 to 1')


def test_a_mask_of_0_and_255_is_refused_with_advice(source, tmp_path):
  for i in range(N):
    (source / 'labels').mkdir(exist_ok=True)
    images.write_png(source / 'labels' / f'{i:02}.png', 255 * (indices(i, 2)[..., None]))
  refused(
    source, tmp_path, r'--label_dir=labels: .* has to hold 1 for them and 0 elsewhere, not 255'
  )


def test_colors_are_no_indices(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  put(source, 'labels/04.png', channels=3, size=SIZE)
  refused(source, tmp_path, r'labels/04\.png: not an image of class indices')


def test_names_that_contradict_each_other_are_refused(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  (source / 'classes.txt').write_text('a\nb\nc\n')
  (source / 'labels' / 'classes.txt').write_text('a\nc\nb\n')
  refused(source, tmp_path, r'name different classes: a, b, c and a, c, b')


def test_labels_that_fit_nothing_or_too_much_are_refused(source, tmp_path):
  put_indices(source, 'labels/x.png')
  refused(source, tmp_path, r"none of 1 labels has the name of a pair.*'x' and '00'")
  put_indices(source, 'labels/00.png', 'labels/rgb/00.png')
  refused(source, tmp_path, r"the labels of 'rgb/00' fit a pair that has other ones, too")
  both = put_pairs(
    tmp_path / 'two', *[(f'rgb/{s}/{i}.png', f'ir/{s}/{i}.png') for s in 'ab' for i in range(4)]
  )
  put_indices(both, 'labels/1.png')
  refused(both, tmp_path, r"the labels of '1' fit 2 pairs, such as 'a/1'")


def test_other_folders_are_refused(source, tmp_path):
  refused(source, tmp_path, r'--label_dir=labels: no PNG, text or JSON files in a folder of that')
  refused(
    source, tmp_path, r"--label_dir=/tmp: must be a folder relative to .*, without '\.\.'", '/tmp'
  )
  (source / 'labels').mkdir()
  (source / 'labels' / 'classes.txt').write_text('a')
  refused(source, tmp_path, '--label_dir=labels: no labels there; expected PNG files of class')


def test_collections_that_are_not_pairs_have_no_labels(tmp_path):
  source = tmp_path / 'source'
  put(source, *[f'rgb/r{i}.png' for i in range(3)], channels=3)
  put(source, *[f'ir/t{i}.png' for i in range(3)])
  put_indices(source, 'labels/r0.png')
  refused(source, tmp_path, '--label_dir=labels: labels are for pairs, but', paired=False)


def test_the_builder_says_what_it_stores(source, tmp_path):
  put_indices(source, *[f'labels/{i:02}.png' for i in range(N)])
  builder = prepare(config_lib.folder_config(source, label_dir='labels'), tmp_path / 'prepared')
  assert builder.info.features['labels'].shape == (None, None, 1)
  assert builder.info.metadata['class_names'] == ['class 0', 'class 1', 'class 2']
  assert builder.info.metadata['label_notes'] == [
    "Labels: PNG files in 'labels', classes class 0, class 1, class 2."
  ]
  assert builder.as_data_source('train')[0]['labels'].shape == (*SIZE, 1)

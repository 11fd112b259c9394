"""Labels of images to translate, read as the data set reads them for training."""

import json
import pathlib

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.boxes import CocoImage
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.files import counterparts, label_files
from cyclegan_jax.inference.files.inputs import Job
import datasets
from tests.conftest import make_pairs

SIZE = (24, 32)
# Class, then left, top, right, bottom in pixels; the car is within the box of the person.
BOXES = [(1, 4, 2, 20, 22), (0, 6, 6, 12, 12)]
NAMES = ('car', 'person')


def yolo():
  lines = []
  for index, left, top, right, bottom in BOXES:
    x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    shares = x / SIZE[1], y / SIZE[0], width / SIZE[1], height / SIZE[0]
    lines.append(' '.join(map(str, (index, *shares))))
  return '\n'.join(lines)


def coco(names, ids=(7, 3)):
  """Category ids in an order that is not that of the names."""
  images = [
    {'id': i, 'file_name': f'rgb/{name}', 'height': SIZE[0], 'width': SIZE[1]}
    for i, name in enumerate(names)
  ]
  boxes = [
    {'image_id': i, 'category_id': ids[index], 'bbox': [left, top, right - left, bottom - top]}
    for i in range(len(names))
    for index, left, top, right, bottom in BOXES
  ]
  categories = [{'id': id_, 'name': name} for id_, name in zip(ids, NAMES)]
  return json.dumps({'images': images, 'annotations': boxes, 'categories': categories})


@pytest.fixture
def folder(tmp_path):
  """Pairs, whose labels a test adds."""
  return make_pairs(tmp_path / 'pairs', n=12, size=SIZE)


def write(folder, kind):
  names = sorted(file.name for file in (folder / 'rgb').iterdir())
  (folder / 'labels').mkdir()
  if kind == 'COCO':
    (folder / 'labels/all.json').write_text(coco(names))
    return
  for name in names:
    (folder / 'labels' / name).with_suffix('.txt').write_text(yolo())
  (folder / 'labels/classes.txt').write_text('\n'.join(NAMES))


def jobs(folder):
  files = sorted((folder / 'rgb').iterdir())
  return [Job(file, pathlib.Path('out') / file.name, pathlib.Path(file.name)) for file in files]


def find(place, jobs):
  return label_files.find(place, counterparts.listed(place), jobs, '--label_dir')


@pytest.mark.parametrize('kind', ['YOLO', 'COCO'])
def test_boxes_are_drawn_as_for_training(folder, kind, data_dir):
  write(folder, kind)
  given = dict(source_dir=str(folder), label_dir='labels', options={'split_by': 'hash'})
  config = config_lib.make(dataset='folder', paired=True, data_dir=str(data_dir), **given)
  dataset = datasets.open_dataset(config.data)
  # The ids of a COCO file decide the order: person before car.
  assert dataset.class_names == ('background', *(NAMES if kind == 'YOLO' else NAMES[::-1]))
  inputs = Inputs(('rgb', 'labels'), dataset.class_names)
  found = find(folder / 'labels', jobs(folder))
  assert len(found) == 12
  by_id = {
    record['id'].decode(): record['labels']
    for split in dataset.splits.values()
    for record in split.rgb
  }
  for i, job in enumerate(jobs(folder)):
    drawn = label_files.read(found[i], inputs, str(job.source), SIZE)
    stored = by_id[job.source.stem]
    np.testing.assert_array_equal(drawn, images.read_indices(stored))
    assert sorted(np.unique(drawn)) == [0, 1, 2]


def test_categories_are_found_by_their_names(folder):
  write(folder, 'COCO')
  found = find(folder / 'labels/all.json', jobs(folder)[:1])
  assert isinstance(found[0], CocoImage)
  drawn = label_files.read(found[0], Inputs(('labels',), ('person', 'x', 'car')), 'a', SIZE)
  assert drawn[4, 5] == 0 and drawn[8, 8] == 2
  with pytest.raises(UserError, match='has the category person, but this model knows the classes'):
    label_files.read(found[0], Inputs(('labels',), ('background', 'car')), 'a', SIZE)


def test_what_does_not_fit_is_named(folder):
  write(folder, 'YOLO')
  inputs, file = Inputs(('labels',), ('background', 'car')), folder / 'labels/0.txt'
  file = sorted((folder / 'labels').glob('[!c]*.txt'))[0]
  with pytest.raises(UserError, match='has class 1, but this model knows the classes 0 to 0: car'):
    label_files.read(file, inputs, 'a', SIZE)
  with pytest.raises(UserError, match='do not say how large the image is'):
    label_files.read(file, inputs, 'a', None)
  with pytest.raises(UserError, match='a COCO file, which names its images, and stdin has no name'):
    label_files.read(pathlib.Path('all.json'), inputs, 'stdin', SIZE)
  (folder / 'other').mkdir()
  (folder / 'other/none.json').write_text(coco(['elsewhere.png']))
  with pytest.raises(UserError, match='none of its 1 images, such as rgb/elsewhere.png, has the n'):
    find(folder / 'other', jobs(folder))


def test_pixels_of_no_label_stay_so(tmp_path):
  indices = np.array([[0, 1, 255]], np.uint8)
  PIL.Image.fromarray(indices).save(tmp_path / 'a.png')
  found = label_files.read(tmp_path / 'a.png', Inputs(('labels',), ('a', 'b')), 'a', (1, 3))
  np.testing.assert_array_equal(found, indices)


def test_a_text_beside_label_images_is_no_label(folder):
  (folder / 'labels').mkdir()
  (folder / 'labels/README.txt').write_text('Painted by hand.')
  for job in jobs(folder):
    PIL.Image.fromarray(np.zeros(SIZE, np.uint8)).save(folder / 'labels' / job.source.name)
  found = find(folder / 'labels', jobs(folder))
  assert {file.suffix for file in found.values()} == {'.png'} and len(found) == 12

"""Boxes of COCO and YOLO files, drawn as class indices, against a loop over pixels."""

import json

import numpy as np
import pytest

from cyclegan_jax.data import boxes as box_lib
from cyclegan_jax.errors import UserError

SIZE = (40, 60)


def drawn_pixel_by_pixel(rectangles):
  """Class of each pixel, given (class, left, top, right, bottom) in pixels."""
  found = np.zeros(SIZE, np.uint8)
  for row in range(SIZE[0]):
    for column in range(SIZE[1]):
      over = [
        ((right - left) * (bottom - top), index)
        for index, left, top, right, bottom in rectangles
        if left <= column + 0.5 < right and top <= row + 0.5 < bottom
      ]
      # The smallest one is on top.
      found[row, column] = min(over)[1] if over else 0
  return found


def random_rectangles(n=8):
  rng = np.random.default_rng(0)
  made = []
  for i in range(n):
    left, top = rng.uniform(-3, 55), rng.uniform(-3, 35)
    made.append((1 + i % 3, left, top, left + rng.uniform(2, 25), top + rng.uniform(2, 20)))
  return made


def coco(path, rectangles, **changes):
  content = {
    'images': [{'id': 7, 'file_name': 'a/b.jpg', 'height': SIZE[0], 'width': SIZE[1]}],
    # Out of order and with gaps, as in COCO itself.
    'categories': [
      {'id': 90, 'name': 'bird'},
      {'id': 1, 'name': 'person'},
      {'id': 3, 'name': 'car'},
    ],
    'annotations': [
      {
        'image_id': 7,
        'category_id': {1: 1, 2: 3, 3: 90}[index],
        'bbox': [left, top, right - left, bottom - top],
      }
      for index, left, top, right, bottom in rectangles
    ],
    **changes,
  }
  path.write_text(json.dumps(content))
  return str(path)


def yolo(path, rectangles):
  height, width = SIZE
  lines = [
    f'{index - 1} {(left + right) / 2 / width:.9f} {(top + bottom) / 2 / height:.9f} '
    f'{(right - left) / width:.9f} {(bottom - top) / height:.9f}'
    for index, left, top, right, bottom in rectangles
  ]
  path.write_text('\n'.join(lines) + '\n\n')
  return str(path)


def test_coco_boxes(tmp_path):
  rectangles = random_rectangles()
  names, images = box_lib.read_coco(coco(tmp_path / 'x.json', rectangles))
  assert [names[i] for i in sorted(names)] == ['person', 'car', 'bird']
  drawn = images['a/b.jpg'].draw(SIZE, 'b.jpg')
  assert drawn.dtype == np.uint8 and set(np.unique(drawn)) == {0, 1, 2, 3}
  np.testing.assert_array_equal(drawn, drawn_pixel_by_pixel(rectangles))


def test_yolo_boxes(tmp_path):
  rectangles = random_rectangles()
  found = box_lib.read_yolo(yolo(tmp_path / 'x.txt', rectangles))
  np.testing.assert_array_equal(found.draw(SIZE, 'x.jpg'), drawn_pixel_by_pixel(rectangles))


def test_a_box_has_at_least_a_pixel_and_none_outside(tmp_path):
  tiny, outside = (1, 10.1, 10.1, 10.2, 10.2), (2, 70.0, 5.0, 80.0, 9.0)
  _, images = box_lib.read_coco(coco(tmp_path / 'x.json', [tiny, outside]))
  drawn = images['a/b.jpg'].draw(SIZE, 'b.jpg')
  assert drawn.sum() == drawn[10, 10] == 1


def test_crowds_have_no_label(tmp_path):
  path = coco(
    tmp_path / 'x.json',
    [],
    annotations=[{'image_id': 7, 'category_id': 1, 'bbox': [0, 0, 5, 5], 'iscrowd': 1}],
  )
  drawn = box_lib.read_coco(path)[1]['a/b.jpg'].draw(SIZE, 'b.jpg')
  assert (drawn[:5, :5] == 255).all() and not drawn[5:].any()


def test_confidences_are_ignored_and_polygons_have_a_box_around_them(tmp_path):
  path = tmp_path / 'x.txt'
  path.write_text('0 0.5 0.5 0.2 0.2 0.93\n1 0.1 0.5 0.3 0.25 0.2 0.75 0.1 0.5\n')
  drawn = box_lib.read_yolo(str(path)).draw(SIZE, 'x.jpg')
  expected = [(1, 24, 16, 36, 24), (2, 6, 10, 18, 30)]
  np.testing.assert_array_equal(drawn, drawn_pixel_by_pixel(expected))


def test_an_empty_file_is_all_background(tmp_path):
  (tmp_path / 'x.txt').write_text('\n')
  assert not box_lib.read_yolo(str(tmp_path / 'x.txt')).draw(SIZE, 'x.jpg').any()


@pytest.mark.parametrize(
  'line',
  [
    '0 0.5 0.5 0.2',
    '0 320 240 50 50',
    'car 0.5 0.5 0.1 0.1',
    '-1 0.5 0.5 0.1 0.1',
    '0 0.5 nan 1 1',
  ],
)
def test_other_lines_are_refused_by_number(tmp_path, line):
  path = tmp_path / 'x.txt'
  path.write_text(f'0 0.5 0.5 0.1 0.1\n{line}\n')
  with pytest.raises(UserError, match=r'x\.txt, line 2: .*expected a class from 0 to 253'):
    box_lib.read_yolo(str(path))


@pytest.mark.parametrize(
  'changes',
  [
    dict(images=[{'id': 7}]),
    dict(categories=None),
    dict(annotations=[{'image_id': 8, 'category_id': 1, 'bbox': [0, 0, 1, 1]}]),
    dict(annotations=[{'image_id': 7, 'category_id': 2, 'bbox': [0, 0, 1, 1]}]),
    dict(annotations=[{'image_id': 7, 'category_id': 1, 'bbox': [0, 0, -1, 1]}]),
    dict(annotations=[{'image_id': 7, 'category_id': 1, 'bbox': []}]),
  ],
)
def test_what_is_no_coco_file_is_refused_by_name(tmp_path, changes):
  with pytest.raises(UserError, match=r'x\.json is not a COCO file with boxes .*bbox: \[x, y'):
    box_lib.read_coco(coco(tmp_path / 'x.json', [], **changes))


def test_damaged_text_is_refused(tmp_path):
  (tmp_path / 'x.json').write_text('{"images": [' + '[' * 100_000)
  with pytest.raises(UserError, match='not a COCO file'):
    box_lib.read_coco(str(tmp_path / 'x.json'))
  (tmp_path / 'x.txt').write_bytes(b'\xff\xfe0 0.5')
  with pytest.raises(UserError, match=r'x\.txt cannot be read as UTF-8 text'):
    box_lib.read_yolo(str(tmp_path / 'x.txt'))


def test_labels_of_another_size_name_both_files(tmp_path):
  boxes = box_lib.read_coco(coco(tmp_path / 'x.json', random_rectangles()))[1]['a/b.jpg']
  with pytest.raises(UserError, match=r'x\.json has labels for 60x40 .*b\.jpg is 32x24'):
    boxes.draw((24, 32), 'b.jpg')


@pytest.mark.parametrize(
  'text',
  ['names: [person, car]', 'nc: 2\nnames:\n  0: person\n  1: car\n', 'names:\n- person\n- car'],
)
def test_names_of_a_data_yaml(tmp_path, text):
  (tmp_path / 'data.yaml').write_text(f'path: /elsewhere\n{text}\n')
  assert box_lib.read_names(str(tmp_path / 'data.yaml')) == ('person', 'car')


@pytest.mark.parametrize(
  'text',
  [
    'nc: 2',
    'names: 3',
    'names: {1: car, 2: bus}',
    '[',
    '',
    'names: [[a]]',
    'names: ' + 10_000 * '[',
  ],
)
def test_a_data_yaml_without_names_is_refused(tmp_path, text):
  (tmp_path / 'data.yaml').write_text(text)
  with pytest.raises(UserError, match=r'data\.yaml: no names of classes'):
    box_lib.read_names(str(tmp_path / 'data.yaml'))


def test_names_of_a_text_file(tmp_path):
  (tmp_path / 'classes.txt').write_text('person\n\n traffic light \n')
  assert box_lib.read_names(str(tmp_path / 'classes.txt')) == ('person', 'traffic light')
  (tmp_path / 'classes.txt').write_text('')
  with pytest.raises(UserError, match=r'classes\.txt: 0 names of classes; expected 1 to 255'):
    box_lib.read_names(str(tmp_path / 'classes.txt'))

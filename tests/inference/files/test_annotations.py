"""Annotations beside translated images."""

import json

import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.files import annotations, inputs


@pytest.fixture
def plan(tmp_path):
  for name in ('data/images/a.jpg', 'data/images/b.jpg'):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b'x')
  return inputs.plan([str(tmp_path / 'data')], tmp_path / 'out')


def test_coco_changes_in_endings_alone(plan, tmp_path):
  text = (
    '{"images": [{"id": 1, "file_name": "images/a.jpg"},\n {"file_name":"c.jpg", "id": 2}],'
    '"annotations": [{"bbox": [1.50, 2, 1e1, 4], "image_id": 1, "note": "a.jpg"}]}'
  )
  (tmp_path / 'coco.json').write_text(text)
  said = []
  annotations.copy(
    [str(tmp_path / 'coco.json')], plan, [tmp_path / 'out', tmp_path / 'gray'], said.append
  )
  for folder in ('out', 'gray'):
    new = (tmp_path / folder / 'coco.json').read_text()
    assert new == text.replace('images/a.jpg', 'images/a.png')
    assert json.loads(new)['images'][0]['file_name'] == 'images/a.png'
  assert '1 of its 2 images' in said[0] and 'c.jpg is not' in said[0]


def test_yolo_keeps_its_place_and_forgets_the_old_images(plan, tmp_path):
  labels = tmp_path / 'data' / 'labels'
  labels.mkdir()
  (labels / 'a.txt').write_text('0 0.5 0.5 0.1 0.1\n')
  (tmp_path / 'data' / 'data.yaml').write_text('path: /old\ntrain: images\n')
  (tmp_path / 'data' / 'train.txt').write_text('images/a.jpg\nimages/b.jpg\n')
  annotations.copy([str(tmp_path / 'data')], plan, [tmp_path / 'out'], lambda line: None)
  out = tmp_path / 'out'
  assert (out / 'labels' / 'a.txt').read_text() == '0 0.5 0.5 0.1 0.1\n'
  assert (out / 'train.txt').read_text() == 'images/a.png\nimages/b.png\n'
  assert (out / 'data.yaml').read_text().splitlines()[0].startswith('#')
  assert (out / 'data.yaml').read_text().splitlines()[1] == 'train: images'


@pytest.mark.parametrize(
  'text, words',
  [('{', 'not a COCO file'), ('{"images": [{"file_name": "z.jpg"}]}', 'none of its 1 images')],
)
def test_other_files_are_refused(plan, tmp_path, text, words):
  (tmp_path / 'x.json').write_text(text)
  with pytest.raises(UserError, match=words):
    annotations.copy([str(tmp_path / 'x.json')], plan, [tmp_path / 'out'])

"""What is translated, and what results are called."""

import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.files import inputs


@pytest.fixture
def tree(tmp_path):
  for name in ('cam/a.jpg', 'cam/sub/b.PNG', 'cam/v.mp4', 'cam/note.txt', 'other/a.jpg'):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b'x')
  return tmp_path


def results(tree, *texts, **options):
  out = tree / 'out'
  jobs = inputs.plan([str(tree / text) for text in texts], out, **options).jobs
  return [str(job.target.relative_to(out)) for job in jobs]


@pytest.mark.parametrize(
  'texts, expected',
  [
    (['cam'], ['a.png', 'sub/b.png', 'v.mkv']),
    (['cam', 'other'], ['cam/a.png', 'cam/sub/b.png', 'cam/v.mkv', 'other/a.png']),
    (['cam/*.jpg'], ['a.png']),
    (['cam/**/*.PNG'], ['sub/b.png']),
    (['c*'], ['a.png', 'sub/b.png', 'v.mkv']),
    (['cam/v.mp4', 'other/a.jpg'], ['a.png', 'v.mkv']),
  ],
)
def test_names(tree, texts, expected):
  assert results(tree, *texts) == expected


def test_options(tree):
  assert results(tree, 'cam', recursive=False, suffix='.tif') == ['a.tif', 'v.mkv']
  assert inputs.plan([str(tree / 'cam')], tree / 'out').left_out == {'.txt': 1}


@pytest.mark.parametrize(
  'texts, output, words',
  [
    (['cam/a.jpg', 'other/a.jpg'], 'out', 'would both become'),
    (['cam/a.jpg', 'cam/a.jpg'], 'out', 'twice'),
    (['*.gif'], 'out', 'matches no file'),
    (['nosuch'], 'out', 'does not exist'),
    (['cam'], 'cam/out', 'lies inside'),
    (['cam/v.mp4'], 'v.avi', 'ends in .mkv'),
    (['cam'], 'x.png', 'names a file'),
  ],
)
def test_confusing_ones_are_refused(tree, texts, output, words):
  with pytest.raises(UserError, match=words):
    inputs.plan([str(tree / text) for text in texts], tree / output)


@pytest.mark.parametrize('name', ['day, night', 'a,b', "it's", 'a=b', '--x', 'ä ö'])
def test_names_are_taken_as_they_are(tmp_path, name):
  folder = tmp_path / name
  folder.mkdir()
  for file in ('a,b.png', 'c.png'):
    (folder / file).touch()
  for given in ([folder], [folder / 'a,b.png', folder / 'c.png']):
    plan = inputs.plan([str(path) for path in given], tmp_path / 'out')
    assert [job.source.name for job in plan.jobs] == ['a,b.png', 'c.png']

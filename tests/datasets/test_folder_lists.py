"""Lists of a detector beside the images: meant if they name the images, otherwise passed over."""

import pytest

from cyclegan_jax.errors import UserError
from datasets.folder import config as config_lib
from tests.datasets.test_folder_layouts import ids, put, put_pairs

N = 20


def folder(root, line, encoding='utf-8', end='\n'):
  put_pairs(root, *[(f'rgb/{i:03}.png', f'ir/{i:03}.png') for i in range(N)])
  for name, which in (('train', range(16)), ('val', range(16, N))):
    text = ''.join(line.format(i) + end for i in which)
    (root / f'{name}.txt').write_bytes(text.encode(encoding))
  return root


@pytest.mark.parametrize(
  'line',
  [
    '/home/someone/data/set/rgb/{:03}.png',
    './data/set/rgb/{:03}.png',
    'D:\\data\\set\\rgb\\{:03}.png',
    '..\\rgb\\{:03}.png',
    'rgb/{:03}.png 0',
    'rgb/{:03}.png,12,30,40,80,person',
    '/x/my set/rgb/{:03}.png 12,30,40,80,0 1,2,3,4,1',
    'ir/{:03}.png',
    '{:03}',
    '{:03}.jpg',
    '{:03} 0',
  ],
)
def test_lines_that_name_images_whatever_else_they_say(tmp_path, line):
  found = ids(config_lib.folder_config(folder(tmp_path, line)))
  assert found == {
    'train': [f'{i:03}' for i in range(16)],
    'validation': [f'{i:03}' for i in range(16, N)],
  }


@pytest.mark.parametrize(
  'encoding, end', [('utf-8', '\r\n'), ('utf-8-sig', '\n'), ('utf-16', '\r\n'), ('utf-16-be', '\n')]
)
def test_encodings_and_ends_of_lines(tmp_path, encoding, end):
  folder(tmp_path, 'rgb/{:03}.png', encoding, end)
  if encoding == 'utf-16-be':
    for path in tmp_path.glob('*.txt'):
      path.write_bytes(b'\xfe\xff' + path.read_bytes())
  assert len(ids(config_lib.folder_config(tmp_path))['validation']) == 4


@pytest.mark.parametrize('line', ['images/train/{:03}.jpg', '/data/coco/{:012}.jpg', 'x{} 0.5 0.5'])
def test_lists_of_other_images_are_passed_over_and_named(tmp_path, line):
  folder(tmp_path, line)
  config = config_lib.folder_config(tmp_path)
  assert config.split_by == 'hash'
  (note,) = config.notes
  assert note.startswith('20 of 20 lines of train.txt, val.txt name no image here, such as ')
  assert '--split_by=list insists' in note and '--split_by=hash never looks' in note
  with pytest.raises(UserError, match=r'train\.txt, line 1: .* is no .*--split_by=hash'):
    config_lib.folder_config(tmp_path, split_by='list')
  assert config_lib.folder_config(tmp_path, split_by='hash').notes == ()
  assert config_lib.folder_config(tmp_path, split_by='hash').name == config.name


def test_folders_count_where_lists_are_passed_over(tmp_path):
  put_pairs(
    tmp_path, *[(f'{s}/rgb/{i}.png', f'{s}/ir/{i}.png') for s in ('train', 'test') for i in 'ab']
  )
  (tmp_path / 'train.txt').write_text('other/1.png\nother/2.png\n')
  assert config_lib.folder_config(tmp_path).split_by == 'folder'


def test_empty_lists_are_passed_over(tmp_path):
  folder(tmp_path, '# {}')
  config = config_lib.folder_config(tmp_path)
  assert config.split_by == 'hash' and config.notes == (
    'The lists of splits are empty and passed over.',
  )


def test_a_line_does_not_fit_by_its_last_name_alone(tmp_path):
  """That images/000.jpg is rgb/000.png is a guess."""
  folder(tmp_path, 'images/{:03}.png')
  assert config_lib.folder_config(tmp_path).split_by == 'hash'


def test_images_at_the_top_have_no_folder_to_be_named(tmp_path):
  put_pairs(tmp_path, *[(f'{i:03}_RGB.jpg', f'{i:03}_IR.jpg') for i in range(N)])
  lines = [f'/home/someone/set/{i:03}_RGB.jpg' for i in range(N)]
  (tmp_path / 'train.txt').write_text('\n'.join(lines[:15]))
  (tmp_path / 'test.txt').write_text('\n'.join(lines[15:]))
  config = config_lib.folder_config(tmp_path)
  assert config.split_by == 'list' and len(ids(config)['test']) == 5


def test_one_wrong_line_of_a_list_that_is_meant_is_refused(tmp_path):
  folder(tmp_path, 'rgb/{:03}.png')
  (tmp_path / 'val.txt').write_text('rgb/016.png\nrgb/typo.png\n')
  with pytest.raises(UserError, match=r"val\.txt, line 2: 'rgb/typo.png' is no .*--split_by=hash"):
    config_lib.folder_config(tmp_path)


def test_the_end_of_a_path_that_fits_two_images_is_no_choice(tmp_path):
  names = [f'{s}/{i}.png' for s in ('a', 'b') for i in range(3)]
  put_pairs(tmp_path, *[(f'rgb/{name}', f'ir/{name}') for name in names])
  put(tmp_path, 'labels/x.png')
  (tmp_path / 'train.txt').write_text('/elsewhere/rgb/a/0.png\nset/b/1.png\na/2.png\n')
  assert len(ids(config_lib.folder_config(tmp_path))['train']) == 2
  (tmp_path / 'train.txt').write_text('0.png\na/1.png\n')
  with pytest.raises(UserError, match="line 1: '0.png' fits 2 images"):
    config_lib.folder_config(tmp_path)

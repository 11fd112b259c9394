"""--rgb_pattern and --ir_pattern."""

import pytest

from cyclegan_jax.errors import UserError
from datasets.folder import config as config_lib, patterns
from tests.datasets.test_folder_layouts import all_ids, put_pairs


@pytest.mark.parametrize(
  'text, path, expected',
  [
    ('*_co.png', 'a/12_co.png', 'a/12'),
    ('*_co', 'a/12_co.png', 'a/12'),
    ('*_co', 'a/12_CO.png', ''),
    ('*_co', '_co.png', ''),
    ('*', 'a/12.jpg.png', 'a/12.jpg'),
    ('*.jpg.png', '12.jpg.png', '12'),
    ('DJI_??????????????_*_T', 'DJI_20230101120000_0001_T.JPG', '0001'),
    ('IMG (*).jpg', 'IMG (7).jpg', '7'),
    ('a[1]*', 'a[1]x.png', 'x'),
    ('left/a*', 'left/a1.png', '1'),
    ('left/*', 'left/seq/1.png', 'seq/1'),
    ('left/*', 'right/1.png', ''),
    (r'_0*(\d+)_T\.', 'x/DJI_0012_T.JPG', 'x/12'),
    (r'(\d+)$', '12.png', ''),
    (r'cam1/(.*)\.png$', 'cam1/s/1.png', 's/1'),
    ('e\u0301*', '\u00e91.png', '1'),
    ('\u00e9*', 'e\u03011.png', '1'),
  ],
)
def test_ids(text, path, expected):
  pattern = patterns.Pattern.parse('rgb_pattern', text)
  assert pattern.id(tuple(path.split('/'))) == expected


@pytest.mark.parametrize('text', ['a', 'a*b*', '(a)(b)', '(', 'a(b', '[a](?:b)'])
def test_what_is_no_pattern_is_refused(text):
  with pytest.raises(UserError, match=r'--ir_pattern=.*expected a name with one \*'):
    patterns.Pattern.parse('ir_pattern', text)


NAMES = [1, 2, 10, 20]


def folder(root, rgb, ir):
  put_pairs(root, *[(rgb.format(n), ir.format(n)) for n in NAMES])
  return root


@pytest.mark.parametrize(
  'rgb, ir, options, expected',
  [
    ('{:03}a.png', '{:03}b.png', ('*a', '*b'), '{:03}'),
    ('{:03}.png', '{:03}b.png', ('*', '*b'), '{:03}'),
    ('x/rgb/a{}.png', 'x/ir/b{}.png', ('a*', 'b*'), 'x/{}'),
    ('x/rgb/a{}.png', 'x/ir/a{}.png', ('a*', 'a*'), 'x/{}'),
    ('x/rgb/a{}.png', 'x/ir/b{:04}.png', (r'a0*(\d+)', r'b0*(\d+)'), 'x/{}'),
    ('left/a{}.png', 'right/b{}.png', ('left/a*', 'right/b*'), '{}'),
  ],
)
def test_patterns_make_pairs(tmp_path, rgb, ir, options, expected):
  config = config_lib.folder_config(
    folder(tmp_path, rgb, ir), rgb_pattern=options[0], ir_pattern=options[1]
  )
  assert config.aligned and all_ids(config) == sorted(expected.format(n) for n in NAMES)
  assert f"RGB '{options[0]}', IR '{options[1]}', as given" in config.layout


def test_patterns_within_folders_that_are_named(tmp_path):
  folder(tmp_path, 'left/a{}.png', 'right/b{}.png')
  config = config_lib.folder_config(tmp_path, 'left', 'right', rgb_pattern='a*', ir_pattern='b*')
  assert all_ids(config) == sorted(map(str, NAMES))


@pytest.mark.parametrize(
  'rgb_pattern, ir_pattern, message',
  [
    ('*a', '', '--ir_pattern is missing'),
    ('', '*b', '--rgb_pattern is missing'),
    ('*a', '*x', r'--ir_pattern=\*x: none of the 8 images of .* fits, such as 001a.png'),
    ('*', '*', r'001a\.png fits both --rgb_pattern=\* and --ir_pattern=\*'),
    ('??*', '*', 'two RGB images have the same name'),
    ('x/*', 'x/*', '--rgb_pattern and --ir_pattern are the same'),
  ],
)
def test_patterns_that_do_not_work(tmp_path, rgb_pattern, ir_pattern, message):
  folder(tmp_path, '{:03}a.png', '{:03}b.png')
  with pytest.raises(UserError, match=message):
    config_lib.folder_config(tmp_path, rgb_pattern=rgb_pattern, ir_pattern=ir_pattern)

"""Names that nearly match: recognized where they leave no choice, otherwise refused with flags."""

import re
import shlex

import pytest

from cyclegan_jax.errors import UserError
from datasets.folder import affixes, config as config_lib
from tests.datasets.test_folder_layouts import all_ids, put, put_pairs


def pairs(config):
  """(name of RGB, name of IR) of all examples."""
  found = [example for split in config.examples.values() for example in split]
  return sorted((e.rgb.rpartition('/')[2], e.ir.rpartition('/')[2]) for e in found)


@pytest.mark.parametrize(
  'rgb, ir, id_',
  [
    ('walk/visible/{:05}v.jpg', 'walk/infrared/{:05}i.jpg', 'walk/{:05}'),  # RGBT234
    ('rgb/fl_rgb_{:05}.png', 'ir/fl_ir_aligned_{:05}.png', 'fl_{:05}'),
    ('rgb/{:04}.jpg', 'ir/{:04}.jpg.png', '{:04}'),
    ('rgb/{}.png', 'ir/{:04}.png', '{:04}'),
    ('rgb/cam1_{}_color.png', 'ir/cam1_{:03}_lwir.png', 'cam1_{:03}'),
    ('{:03}_co.png', '{:03}_ir.png', '{:03}'),
    ('x/{:03}_RGB.jpg', 'x/{:03}_T.jpg', 'x/{:03}'),
    ('{:05}v.jpg', '{:05}i.jpg', '{:05}'),
    ('fl_rgb_{:05}.png', 'fl_ir_aligned_{:05}.png', 'fl_{:05}'),
    ('a-visible-{}.png', 'a-thermal-{}.png', 'a-{}'),
    ('rgb{:03}.png', 'ir{:03}.png', '{:03}'),
    ('{:03}_RGB.jpg', '{:03}_PreviewData.jpeg', '{:03}'),
  ],
)
def test_known_words_and_numbers(tmp_path, rgb, ir, id_):
  numbers = [1, 2, 9, 10, 11, 100]
  put_pairs(tmp_path, *[(rgb.format(n), ir.format(n)) for n in numbers])
  config = config_lib.folder_config(tmp_path)
  assert config.aligned and all_ids(config) == sorted(id_.format(n) for n in numbers)
  last = lambda text: text.rpartition('/')[2]
  assert pairs(config) == sorted((last(rgb.format(n)), last(ir.format(n))) for n in numbers)
  if 'PreviewData' not in ir:
    assert re.search(r'Names are taken for pairs like \S+ and \S+\.', config.notes[0])


def test_numbers_with_and_without_zeros_are_not_mixed_up(tmp_path):
  put_pairs(tmp_path, *[(f'rgb/{n}.png', f'ir/{n:04}.png') for n in range(1, 121)])
  assert pairs(config_lib.folder_config(tmp_path)) == sorted(
    (f'{n}.png', f'{n:04}.png') for n in range(1, 121)
  )
  # 1 and 01 would both be 0001.
  put(tmp_path, 'rgb/01.png', channels=3)
  with pytest.raises(UserError, match='no matching stems'):
    config_lib.folder_config(tmp_path)


def test_numbers_alone_make_no_pairs_where_nobody_asked_for_pairs(tmp_path):
  put_pairs(tmp_path, *[(f'rgb/{n}.png', f'ir/{n:04}.png') for n in range(5)])
  assert not config_lib.folder_config(tmp_path, paired=False).aligned
  assert config_lib.folder_config(tmp_path, paired=True).aligned


@pytest.mark.parametrize('letter', 'VWZ')
def test_drones_write_the_files_of_a_shot_in_different_seconds(tmp_path, letter):
  names = [
    (f'DJI_2023010112{n:02}59_{n:04}_{letter}.JPG', f'DJI_2023010112{n + 1:02}00_{n:04}_T.JPG')
    for n in range(1, 8)
  ]
  # Another flight begins at 1 again.
  names += [('DJI_20230102090000_0001_V.JPG', 'DJI_20230102090001_0001_T.JPG')]
  put_pairs(tmp_path, *names)
  config = config_lib.folder_config(tmp_path)
  assert pairs(config) == sorted(names)
  assert 'DJI_20230102090000_0001' in all_ids(config)


def test_drone_files_that_are_far_apart_are_no_pairs(tmp_path):
  put_pairs(
    tmp_path,
    *[(f'DJI_20230101120000_{n:04}_V.JPG', f'DJI_20230101120500_{n:04}_T.JPG') for n in range(5)],
  )
  with pytest.raises(UserError, match='no matching stems'):
    config_lib.folder_config(tmp_path)


def test_two_photographs_of_each_shot_are_refused_with_flags_that_work(tmp_path):
  for n in range(1, 7):
    stamps = f'DJI_202301011200{n:02}_{n:04}', f'DJI_202301011201{n:02}_{n:04}'
    put(tmp_path, *[f'{stamps[0]}_{letter}.JPG' for letter in 'WZ'], channels=3)
    put(tmp_path, f'{stamps[1]}_T.JPG')
  config = advised(tmp_path)
  assert len(all_ids(config)) == 6 and all('_W' in rgb for rgb, _ in pairs(config))


def advised(root, **options):
  """Follows the flags that a refusal names."""
  with pytest.raises(UserError) as caught:
    config_lib.folder_config(root, **options)
  words = [word for word in shlex.split(str(caught.value)) if '_pattern=' in word]
  flags = dict(word.removeprefix('--').split('=', 1) for word in words)
  assert flags.keys() == {'rgb_pattern', 'ir_pattern'}, caught.value
  assert f'makes {caught_pairs(caught)} pairs' in str(caught.value)
  config = config_lib.folder_config(root, **options, **flags)
  assert len(all_ids(config)) == caught_pairs(caught)
  return config


def caught_pairs(caught):
  return int(re.search(r'makes (\d+) pairs', str(caught.value))[1])


@pytest.mark.parametrize(
  'rgb, ir',
  [
    ('rgb/left_{:03}.png', 'ir/cam2-{:03}.png'),
    ('rgb/left_{}.png', 'ir/cam2-{:04}.png'),
    ('rgb/{:03}a.png', 'ir/{:03}b.png'),
    ('left_{:03}.png', 'cam2-{:03}.png'),
    ('{:04}.jpg', '{:04}.jpg.png'),
    ('{:04}.png', '{:04}_ir.png'),
    ('s/{:04}x.png', 's/{:04}y.png'),
    ('rgb/(a) {:03}.png', 'ir/[b] {:03}.png'),
  ],
)
def test_unknown_words_are_refused_with_flags_that_work(tmp_path, rgb, ir):
  numbers = [1, 2, 9, 10, 11, 100]
  put_pairs(tmp_path, *[(rgb.format(n), ir.format(n)) for n in numbers])
  last = lambda text: text.rpartition('/')[2]
  assert pairs(advised(tmp_path)) == sorted(
    (last(rgb.format(n)), last(ir.format(n))) for n in numbers
  )


def test_which_kind_of_names_is_rgb_is_told_by_color(tmp_path):
  put_pairs(tmp_path, *[(f'{n}y.png', f'{n}x.png') for n in range(5)])
  assert pairs(advised(tmp_path))[0] == ('0y.png', '0x.png')
  put(tmp_path, *[f'{n}y.png' for n in range(5)])
  with pytest.raises(UserError, match='Exchange the two if the second kind is RGB'):
    config_lib.folder_config(tmp_path)


@pytest.mark.parametrize(
  'names',
  [
    [(f'rgb/DJI_{2 * n:04}.png', f'ir/DJI_{2 * n + 1:04}.png') for n in range(6)],
    [
      (f'rgb/{a}.png', f'ir/{b}.png')
      for a, b in zip(('kiwi', 'plum', 'fig'), ('oak', 'elm', 'yew'))
    ],
  ],
)
def test_nothing_is_paired_by_order(tmp_path, names):
  put_pairs(tmp_path, *names)
  with pytest.raises(
    UserError, match='no matching stems.*--rgb_pattern and --ir_pattern'
  ) as caught:
    config_lib.folder_config(tmp_path)
  assert 'makes' not in str(caught.value)


def test_letters_are_no_words_where_they_make_no_pairs(tmp_path):
  put(tmp_path, *[f'plan{n}_t.png' for n in range(4)], *[f'view{n}_v.png' for n in range(4)])
  with pytest.raises(UserError, match='no known layout'):
    config_lib.folder_config(tmp_path, paired=False)


@pytest.mark.parametrize(
  'stem, domain, rest',
  [
    ('00001v', 'rgb', '00001'),
    ('00001i', 'ir', '00001'),
    ('x_RGB', 'rgb', 'x'),
    ('x_rgb_to_ir', 'ir', 'x_rgb_to'),
    ('rgb_ir_1', '', ''),
    ('fl_ir_aligned_1', 'ir', 'fl_1'),
    ('FLIR_1', '', ''),
    ('river_1', '', ''),
    ('virus', '', ''),
    ('visible', '', ''),
    ('a_t', 'ir', 'a'),
    ('at', '', ''),
    ('1_2_t_3', '', ''),
  ],
)
def test_words_in_names(stem, domain, rest):
  assert affixes.domain_of(stem) == domain
  if domain:
    assert affixes.word(stem, domain).rest == rest


@pytest.mark.parametrize(
  'name, expected',
  [
    ('0001', '1'),
    ('0010', '10'),
    ('10', '10'),
    ('0', '0'),
    ('000', '0'),
    ('a01/b01_007', 'a01/b1_7'),
  ],
)
def test_zeros_before_numbers(name, expected):
  assert affixes.without_zeros(name) == expected

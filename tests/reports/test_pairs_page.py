"""The page of a check of pairs: what it says first, its pictures, and its links."""

import dataclasses
import pathlib
import re

import numpy as np
import pytest

from cyclegan_jax.pairs import check, dataset_check
from cyclegan_jax.pairs.flags import FLAGS, Thresholds
from cyclegan_jax.reports import pairs_page
from tests.pairs.made_up import dataset, gray_rgb, shifted, texture
from tests.pairs.test_repair import REPAIRED

CSS = 'css selector'
CSV = pathlib.Path('checked/pairs.csv')


def moved_part(seed):
  """A pair whose infrared is shifted at the top left alone, by 12 pixels to the right."""
  rgb, ir = gray_rgb(texture(288, 384, seed)), 255 - texture(288, 384, seed)
  ir[:144, :128] = np.roll(ir, 12, axis=1)[:144, :128]
  return rgb, ir


@pytest.fixture(scope='module', name='found')
def _found():
  """A data set, and its checked pairs."""
  good = [texture(seed=seed) for seed in range(4)]
  made = dataset(
    [
      ('good', gray_rgb(good[0]), 255 - good[0]),
      ('moved <b>', *shifted(gray_rgb(good[1]), 255 - good[1], 6, -9)),
      ('black', gray_rgb(good[2]), np.zeros_like(good[2])),
      ('in part', *moved_part(3)),
    ],
    name='folder',
  )
  made = dataclasses.replace(made, near_duplicates={'test': (1, 2)})
  return made, dataset_check.check(made, lambda _: None)


@pytest.fixture(scope='module', name='page')
def _page(found, tmp_path_factory):
  made, pairs = found
  folder = tmp_path_factory.mktemp('checked')
  content = dataset_check.summary(pairs, made, Thresholds())
  command = 'python -m experiments.check_pairs --fix=repaired'
  pairs_page.write(folder, pairs, content, made, 3, name='my <photos>', repair=command)
  return folder / 'report.html'


def test_what_was_found_and_what_to_do_come_first(found):
  _, pairs = found
  answer = pairs_page.verdict(pairs, CSV)
  assert answer.state == 'bad' and answer.sentence == '3 of 4 pairs look damaged or shifted'
  assert (
    'repair what can be (1 pair) with --fix=DIR' in answer.detail
    and '--exclude=checked/pairs.csv' in answer.detail
  )
  good = [pair for pair in pairs if not pair.flags]
  assert pairs_page.verdict(good, CSV) == ('good', 'All 1 pairs look right', '')
  one = [*good, *(pair for pair in pairs if pair.id == 'black')]
  answer = pairs_page.verdict(one, CSV)
  assert answer.sentence == '1 of 2 pairs looks damaged' and '--fix' not in answer.detail


def test_then_the_leak_check(found):
  made, _ = found
  assert pairs_page.leaks(made)[:2] == ('bad', '1 of 2 test images is nearly in the training split')
  none = {'validation': (0, 3), 'test': (0, 2)}
  answer = pairs_page.leaks(dataclasses.replace(made, near_duplicates=none))
  assert answer[:2] == ('good', 'No validation or test image is nearly a training image')
  assert pairs_page.leaks(dataclasses.replace(made, near_duplicates={})).state == ''


def test_words_instead_of_identifiers(page):
  text = page.read_text()
  assert '<h1>my &lt;photos&gt;: are the pairs all right?</h1>' in text
  assert not [name for name in FLAGS if '_' in name and name in text]
  assert FLAGS['misaligned'].meaning in text and '6.0 px right, 9.0 px up' in text
  assert 'moved &lt;b&gt;' in text
  # Each picture by itself, so that six need not fit in a row.
  assert text.count('<img') == 3 * 6
  links = re.findall('<a href="#(pair-[0-9]+)"', text)
  assert len(links) == 3 and all(f'id="{link}"' in text for link in links)


def test_all_that_is_repaired_is_known():
  assert {name for name, flag in FLAGS.items() if flag.is_repaired} == REPAIRED


def test_the_part_that_is_shifted_is_outlined():
  rgb, ir = moved_part(3)
  pair = check.check_pair(rgb, ir)
  assert pair.flags == ('misaligned_part',)
  assert check.part_box(pair, rgb, ir) == (0, 144, 0, 128)
  drawn = pairs_page.pictures(pair, rgb, ir)
  scale = 360 / 384
  for title, image in drawn.items():
    assert image.shape == (270, 360, 3), title
    yellow = np.argwhere((image == pairs_page._OUTLINE).all(-1))
    (top, left), (bottom, right) = yellow.min(0), yellow.max(0)
    assert (top, left) == (1, 1), title
    assert (bottom, right) == pytest.approx((144 * scale, 128 * scale), abs=3), title
    # A frame: the middle stays as it was.
    assert not (image[20:110, 20:100] == pairs_page._OUTLINE).all(-1).any(), title
  whole = check.check_pair(rgb, 255 - texture(288, 384, 3))
  assert not any(
    (image == pairs_page._OUTLINE).all(-1).any()
    for image in pairs_page.pictures(whole, rgb, 255 - texture(288, 384, 3)).values()
  )


def test_pictures_of_16_bits_of_swapped_bytes_and_of_small_images():
  ir = 29000 + 20 * texture(40, 30).astype(np.uint16)
  rgb = gray_rgb(texture(40, 30))
  for stored in (ir, ir.byteswap()):
    drawn = pairs_page.pictures(check.check_pair(rgb, stored), rgb, stored)
    assert len(drawn) == 6
    for title, image in drawn.items():
      assert image.dtype == np.uint8 and image.std() > 10, title


def test_in_a_browser(browser, page):
  browser.open(page.as_uri())
  messages, addresses = browser.logged()
  assert messages == []
  assert all(url == page.as_uri() or url.startswith('data:') for url in addresses)
  for width in (390, 900, 1440):
    browser.size(width, 800)
    assert browser.run('return document.documentElement.scrollWidth') <= width
    widths = browser.run(
      'return Array.from(document.querySelectorAll(".six img"), image => image.clientWidth)'
    )
    assert len(widths) == 18 and min(widths) >= 150
  browser.find(CSS, '#flagged a').click()
  top = browser.run('return document.querySelector("#pair-0").getBoundingClientRect().top')
  assert 0 <= top < 100

"""What a run says about its data before the first step."""

import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.training import run_summary
from tests.pairs.made_up import dataset, gray_rgb, texture


def _summary(swapped):
  pairs = []
  for i in range(6):
    ir = 12000 + 37 * (255 - texture(64, 80, i)).astype(np.uint16)
    pairs.append((f'{i:03}', gray_rgb(texture(64, 80, i)), ir.byteswap() if i in swapped else ir))
  config = config_lib.make('demo', image_size=(32, 32), base_width=4, paired=True)
  return run_summary.text(config, dataset(pairs))


def test_swapped_bytes_are_said_once():
  assert _summary({0, 2}).count('with the two bytes of each pixel swapped') == 1
  assert 'swapped' not in _summary(set())

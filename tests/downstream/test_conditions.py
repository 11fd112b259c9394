"""Which images an instrument learns from."""

import numpy as np
import pytest

from cyclegan_jax.downstream import conditions as conditions_lib

N = 40
KINDS = ('real', 'generated', 'luminance')
IMAGES = {kind: np.full((N, 2, 2), i, np.uint8) for i, kind in enumerate(KINDS)}
LABELS = np.arange(N, dtype=np.uint8).repeat(4).reshape(N, 2, 2)
BY_NAME = {condition.name: condition for condition in conditions_lib.conditions((0.05, 0.2))}


def test_names():
  few = ['few_5', 'few_5_generated', 'few_20', 'few_20_generated']
  assert list(BY_NAME) == ['real', 'generated', 'luminance', *few]
  compared = conditions_lib.comparisons(list(BY_NAME.values()))
  assert compared[:2] == [('generated', 'real'), ('generated', 'luminance')]
  assert compared[2:] == [('few_5_generated', 'few_5'), ('few_20_generated', 'few_20')]


@pytest.mark.parametrize('kind', KINDS)
def test_one_kind_of_images(kind):
  images, labels = BY_NAME[kind].select(IMAGES, LABELS, 0)
  np.testing.assert_array_equal(images, IMAGES[kind])
  np.testing.assert_array_equal(labels, LABELS)


def test_few_real_ones_are_the_same_alone_and_beside_generated_ones():
  alone, labels = BY_NAME['few_20'].select(IMAGES, LABELS, 3)
  mixed, all_labels = BY_NAME['few_20_generated'].select(IMAGES, LABELS, 3)
  assert len(alone) == 8 and (alone == 0).all()
  real = (mixed == 0).all((1, 2))
  np.testing.assert_array_equal(all_labels[real], labels)
  np.testing.assert_array_equal(all_labels, LABELS)
  assert (mixed[~real] == 1).all()


def test_a_larger_share_includes_a_smaller_one_and_seeds_draw_anew():
  small, large = (BY_NAME[name].is_real(N, 0) for name in ('few_5', 'few_20'))
  assert small.sum() == 2 and (large[small]).all()
  assert (large != BY_NAME['few_20'].is_real(N, 1)).any()


def test_at_least_one_real_image():
  assert BY_NAME['few_5'].is_real(3, 0).sum() == 1
  assert BY_NAME['generated'].is_real(3, 0).sum() == 0

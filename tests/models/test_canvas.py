"""Images on a canvas: equal to themselves alone, whatever is beside them."""

import numpy as np
import pytest

from cyclegan_jax.inference.canvases import Canvas
from cyclegan_jax.inference.scene import Scene
from tests.inference import made_up

SIZES = [(64, 96), (32, 32), (50, 70)]
RESNET = dict(generator='resnet', n_downsampling=1, n_residual_blocks=1)


@pytest.mark.parametrize(
  'preset, settings',
  [
    ('udacity', dict(n_downsampling=2, n_residual_blocks=1)),
    # Instance norm, and mirrored borders.
    ('cyclegan', dict(n_residual_blocks=1)),
    pytest.param(
      'cut', dict(n_residual_blocks=1, projection_width=4), marks=pytest.mark.slow
    ),  # A blur that halves, and bilinear upsampling.
    pytest.param('pix2pix', dict(n_downsampling=5), marks=pytest.mark.slow),
    pytest.param('pix2pix', dict(n_downsampling=4, norm='instance'), marks=pytest.mark.slow),
    pytest.param('udacity', dict(RESNET, upsampling='resize'), marks=pytest.mark.slow),
  ],
)
def test_images_on_a_canvas_equal_those_alone(preset, settings):
  model = made_up.model(preset, **settings)
  images = [made_up.picture(*size, seed=i) for i, size in enumerate(SIZES)]
  batch = [Scene(image) for image in images]
  together = model.translate_on(Canvas((128, 96), 4, mixed=True), batch)
  for image, found in zip(images, together):
    alone = model.translate(image)
    assert found.shape == alone.shape and alone.std() > 5
    assert abs(found.astype(int) - alone).max() <= 1
    # Rounding alone: half a gray level is met by few.
    assert (found != alone).mean() < 0.02


def test_what_is_beside_an_image_does_not_matter():
  model = made_up.model('cyclegan', n_residual_blocks=1)
  generator = model.translator('rgb_to_ir')
  rng = np.random.default_rng(0)
  x = rng.uniform(-1, 1, (4, 128, 96, 3)).astype(np.float32)
  sizes = np.array([(64, 96), (32, 32), (96, 64), (128, 96)], np.int32)
  first = generator(x, sizes=sizes)
  for image, (height, width) in zip(x, sizes):
    image[height:], image[:, width:] = 9, -9
  second = generator(x, sizes=sizes)
  for one, other, (height, width) in zip(first, second, sizes):
    np.testing.assert_allclose(one[:height, :width], other[:height, :width], atol=1e-5)

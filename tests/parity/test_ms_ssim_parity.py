"""Multi-scale SSIM against the package pytorch-msssim, in float64 there."""

import numpy as np
import pytest

from cyclegan_jax.metrics import image_quality
from tests.metrics import test_ms_ssim


@pytest.mark.parametrize('channels, high', [(1, 255), (3, 65535)])
def test_ms_ssim_equals_pytorch_msssim(channels, high):
  reason = 'needs the extra parity: pip install ".[parity]"'
  torch = pytest.importorskip('torch', reason=reason)
  other = pytest.importorskip('pytorch_msssim', reason=reason)
  # It pads odd sides; multiples of 16 stay even at every scale.
  reference, image = test_ms_ssim.image_pair((2, 176, 208, channels), 0, high)
  x, y = (torch.from_numpy(np.moveaxis(v, 3, 1).astype(np.float64)) for v in (reference, image))
  expected = other.ms_ssim(x, y, data_range=high, size_average=False).numpy()
  np.testing.assert_allclose(
    image_quality.ms_ssim(reference, image, max_value=high), expected, atol=test_ms_ssim.TOLERANCE
  )

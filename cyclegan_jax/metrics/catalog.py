"""All figures of merit: what tables call them, which direction is better, how they are defined."""

from collections.abc import Mapping
import dataclasses
import types


@dataclasses.dataclass(frozen=True)
class Metric:
  """A figure of merit.

  Attributes:
    title: its name in tables.
    better: 1 if higher is better, -1 if lower is.
    unit: follows the number, with a leading space.
    definition: one line for reports; '' where the report of the network says more.
  """

  title: str
  better: int
  unit: str = ''
  definition: str = ''


# In the order of the columns of an evaluation's tables.
METRICS: Mapping[str, Metric] = types.MappingProxyType(
  {
    'psnr': Metric(
      'PSNR', 1, ' dB', 'dB, mean over images; psnr_pooled: from the mean of mse over all images'
    ),
    'psnr_pooled': Metric('PSNR, pooled', 1, ' dB'),
    'ssim': Metric(
      'SSIM', 1, '', 'Wang et al. 2004: 11x11 Gaussian window, sigma 1.5, valid windows'
    ),
    'ms_ssim': Metric(
      'MS-SSIM', 1, '', 'Wang et al. 2003: five scales, for sides of at least 176 pixels'
    ),
    'uqi': Metric('UQI', 1, '', 'Wang & Bovik 2002, 8x8 windows'),
    'uqi_sewar': Metric(
      'UQI, sewar',
      1,
      definition="the formula of the package sewar, as in the paper's Table I; not Wang & Bovik's",
    ),
    'mse': Metric('MSE', -1),
    'rmse': Metric('RMSE', -1),
    'mae': Metric('MAE', -1),
    'correlation': Metric('correlation', 1, '', "Pearson's, per image, mean over images"),
    'lpips': Metric('LPIPS, VGG', -1),
    'lpips_alex': Metric('LPIPS, AlexNet', -1),
    'fid': Metric('FID', -1),
    'kid': Metric('KID', -1),
  }
)

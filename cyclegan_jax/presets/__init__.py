"""The named configurations that a run can start from.

All work with every data set and every --normalization; thermalgan needs labels, and exemplar no
--normalization=spectral_channels. Flags replace single settings.
"""

from collections.abc import Mapping
import types
from typing import Any

from cyclegan_jax.presets import own, published

# The weight of the supervised L1 term of paired runs, by method: the cycle weight, and that of
# Isola et al. 2017.
SUPERVISED_WEIGHTS = types.MappingProxyType(
  {'cyclegan': 10.0, 'pix2pix': 100.0, 'cut': 10.0, 'exemplar': 10.0}
)

PRESETS: Mapping[str, Mapping[str, Any]] = types.MappingProxyType(
  {
    'udacity': published.UDACITY,
    'cyclegan': published.CYCLEGAN,
    'pix2pix': published.PIX2PIX,
    'pix2pixhd': published.PIX2PIXHD,
    'infragan': published.INFRAGAN,
    'cut': published.CUT,
    'fastcut': published.FASTCUT,
    'dclgan': published.DCLGAN,
    'thermalgan': published.THERMALGAN,
    'exemplar': published.EXEMPLAR,
    'sparse': own.SPARSE,
    'regression': own.REGRESSION,
    'thermal': own.THERMAL,
    'demo': own.DEMO,
    'demo_cyclegan': own.DEMO_CYCLEGAN,
  }
)

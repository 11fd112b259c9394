"""The named configurations that a run can start from.

All work with every data set and every --normalization. Flags replace single settings.
"""

from collections.abc import Mapping
import types
from typing import Any

# The weight of the supervised L1 term of paired runs, by method: the cycle weight, and that of
# Isola et al. 2017.
SUPERVISED_WEIGHTS = types.MappingProxyType({'cyclegan': 10.0, 'pix2pix': 100.0})

# The code that the paper modified, its reference [1] (the CycleGAN exercise of Udacity's deep
# learning course), at the paper's 128x128, batch 16 and 9 epochs: the paper's four models. These
# are the defaults of all settings.
#   python -m experiments.train --dataset=NAME --paired --emsn
_UDACITY = {}

# Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
# Adversarial Networks", as the authors' PyTorch repository has it: ResNet-9 generators, 70x70
# PatchGANs, pools of 50 fakes, and 200 epochs, with a falling learning rate in the second half.
# The identity weight is the repository's, half the cycle weight. It counts where the domains have
# equal channel counts (--ir_channels=3); otherwise the identity term is undefined and left out.
#   python -m experiments.train --preset=cyclegan --dataset=NAME
_CYCLEGAN = dict(
  generator='resnet',
  n_downsampling=2,
  n_residual_blocks=9,
  norm='instance',
  initializer='normal',
  discriminator='patchgan',
  discriminator_layers=3,
  discriminator_activation='leaky_relu',
  discriminator_weight=0.5,
  identity_weight=5.0,
  update_order='generators_first',
  redraw_fakes=False,
  pool_size=50,
  image_size=(256, 256),
  load_size=(286, 286),
  resize='bicubic',
  flip=True,
  batch_size=1,
  epochs=200,
  decay_start=100,
  decay_epochs=100,
)

# Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial
# Networks", as the same repository has it: the paired peer that the paper names. It translates
# from RGB to IR only. Sides are multiples of 256; for 128 give --n_downsampling=7. Unlike the
# repository's default test mode, translation uses no dropout, and running batch statistics (its
# --eval), so that a result depends on the image alone and repeats exactly.
#   python -m experiments.train --preset=pix2pix --dataset=NAME
_PIX2PIX = dict(
  method='pix2pix',
  paired=True,
  generator='unet',
  n_downsampling=8,
  dropout=0.5,
  initializer='normal',
  discriminator='patchgan',
  discriminator_layers=3,
  discriminator_activation='leaky_relu',
  adversarial_loss='vanilla',
  discriminator_weight=0.5,
  cycle_weight=0.0,
  redraw_fakes=False,
  image_size=(256, 256),
  load_size=(286, 286),
  resize='bicubic',
  flip=True,
  batch_size=1,
  epochs=200,
  decay_start=100,
  decay_epochs=100,
)

# Narrow, shallow relatives of udacity's networks that learn rendered scenes within minutes on two
# CPU cores. Not meant for comparison with published results.
#   python -m experiments.train --preset=demo
_DEMO = dict(
  paired=True,
  normalization='emsn',
  image_size=(64, 64),
  flip=True,
  base_width=24,
  n_residual_blocks=3,
  n_downsampling=2,
  discriminator_width=24,
  discriminator_layers=3,
  batch_size=8,
  epochs=16,
  log_every=50,
  checkpoint_every=200,
  upsampling='resize',
  learning_rate=5e-4,
)

PRESETS: Mapping[str, Mapping[str, Any]] = types.MappingProxyType(
  {'udacity': _UDACITY, 'cyclegan': _CYCLEGAN, 'pix2pix': _PIX2PIX, 'demo': _DEMO}
)

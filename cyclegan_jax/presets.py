"""The named configurations that a run can start from.

All work with every data set, with every --normalization; flags replace single settings.
"""

import types

from cyclegan_jax.settings import PAIRED_SUPERVISED_WEIGHT

# The implementation that the paper modified, its reference [1] (the CycleGAN exercise of
# Udacity's deep learning course), at the paper's 128x128, batch 16 and 9 epochs. The paper's four
# models. The defaults of all settings.
#   python -m experiments.train --dataset=osu --paired --emsn
_UDACITY = {}

# Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
# Adversarial Networks", as the authors' PyTorch repository has it: ResNet-9 generators, 70x70
# PatchGANs, pools of 50 fakes, 200 epochs of which the second half with a falling learning rate.
# The identity weight is the repository's, half the cycle weight, where the domains have equal
# channel counts (--ir_channels=3); otherwise identity is undefined and left out.
#   python -m experiments.train --preset=cyclegan --dataset=osu
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
# Networks", as the same repository has it: the paired peer that the paper names. From RGB to IR
# only. Sides are multiples of 256; for 128 give --n_downsampling=7. Two choices differ from the
# repository's default test mode: images are translated without dropout and with running batch
# statistics (its --eval), so that a result depends on the image alone and repeats exactly.
#   python -m experiments.train --preset=pix2pix --dataset=osu
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
  supervised_weight=100.0,
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

# Narrow and shallow relatives of udacity's networks that learn the synthetic scenes within
# minutes on two CPU cores. Not meant for comparison with anything published.
#   python -m experiments.train --preset=demo
_DEMO = dict(
  dataset='synthetic',
  paired=True,
  normalization='emsn',
  supervised_weight=PAIRED_SUPERVISED_WEIGHT,
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

PRESETS = types.MappingProxyType(
  {'udacity': _UDACITY, 'cyclegan': _CYCLEGAN, 'pix2pix': _PIX2PIX, 'demo': _DEMO}
)

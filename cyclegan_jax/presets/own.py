"""Configurations of our own, chosen by experiments: docs/explanation/images.md."""

from cyclegan_jax.presets.published import PIX2PIX

# After Qian, Zhang, Zhang 2020, "Sparse GANs for Thermal Infrared Image Generation From Optical
# Image", the paper's reference [9]: pix2pix with few skip connections, and terms for intensity and
# gradients. Which levels, distances and weights they took is not known to us: the two outermost
# levels and the innermost one, L1 terms, and equal weights are our choices.
#   python -m experiments.train --preset=sparse --dataset=NAME
SPARSE = dict(PIX2PIX, unet_skips='1,2,-1', gradient_weight=100.0)

# Direct comparison with the true images instead of an adversarial term, for small paired data sets:
# pix2pix's U-Net, L1 and SSIM terms in the proportion of IRFormer (Chen et al. 2024: 1 to 0.2), a
# moving average of the weights, and training images in many sizes, crops, and colors. The
# augmentation was chosen on RoadScene's validation split. Sides are multiples of 64.
#   python -m experiments.train --preset=regression --dataset=NAME
REGRESSION = dict(
  method='pix2pix',
  paired=True,
  adversarial_weight=0.0,
  ssim_weight=20.0,
  cycle_weight=0.0,
  generator='unet',
  n_downsampling=6,
  dropout=0.5,
  initializer='normal',
  redraw_fakes=False,
  flip=True,
  zoom=0.8,
  jitter_brightness=0.3,
  jitter_contrast=0.3,
  jitter_hue=0.05,
  jitter_gray=0.1,
  batch_size=8,
  learning_rate=1e-3,
  ema_decay=0.99,
  epochs=200,
)

# The same with stronger details: a term for the size of gradients in windows of 8x8 pixels, and
# lower weights beside it. Bilinear upsampling, because transposed convolutions fill that term with
# checkerboards.
#   python -m experiments.train --preset=thermal --dataset=NAME
THERMAL = dict(
  REGRESSION, supervised_weight=50.0, ssim_weight=10.0, sharpness_weight=25.0, upsampling='bilinear'
)

# A small relative of regression that learns rendered scenes within minutes on two CPU cores, people
# and vehicles among them: rare gray levels count more. Not meant for comparison with published
# results.
#   python -m experiments.train --preset=demo
DEMO = dict(
  REGRESSION,
  image_size=(64, 64),
  base_width=32,
  n_downsampling=5,
  dropout=0.0,
  initializer='uniform',
  ssim_weight=30.0,
  intensity_balance=0.5,
  zoom=0.5,
  jitter_hue=0.03,
  jitter_gray=0.0,
  learning_rate=2e-3,
  decay_start=4,
  decay_epochs=6,
  epochs=10,
  checkpoint_every=250,
)

# The same for the paper's way: narrow, shallow relatives of udacity's networks.
#   python -m experiments.train --preset=demo_cyclegan
DEMO_CYCLEGAN = dict(
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

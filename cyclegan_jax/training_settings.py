"""The settings of the losses and of training; settings.py has the others.

Within a section the most used come first.
"""

import dataclasses

from cyclegan_jax.option import Bounds, option


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """The loss terms and their weights."""

  supervised_weight: float = option(
    0.0,
    'Weight of the L1 terms between generated and true images; needs --paired. '
    '--paired --supervised_weight=0 is the literal reading of the paper.',
    Bounds(0),
    follows="the preset's, or with --paired 10, pix2pix 100, otherwise 0",
  )
  supervised_loss: str = option(
    'l1',
    'Distance of the supervised terms. l1: absolute difference; smooth_l1: quadratic up to a '
    'difference of 1 (half of the range of values), as in IRFormer (Chen et al. 2024).',
    ('l1', 'smooth_l1'),
  )
  intensity_balance: float = option(
    0.0,
    'Makes rare gray levels of the true image count more in the supervised terms, so that small '
    'hot objects are not lost. A pixel weighs (share of the image with its gray level) to the '
    'power of minus this. 0: all pixels alike; 1: all gray levels alike.',
    Bounds(0, 1.000001),
  )
  class_balance: float = option(
    0.0,
    'Makes rare classes count more in the supervised terms; needs --paired and labels. A pixel '
    'weighs (share of the labeled training pixels with its class) to the power of minus this, '
    'scaled so that labeled pixels weigh 1 on average; pixels without a label weigh 1. 0: all '
    'pixels alike; 1: all classes alike.',
    Bounds(0, 1.000001),
  )
  cycle_weight: float = option(10.0, 'Weight of the cycle-consistency L1 terms.', Bounds(0))
  identity_weight: float = option(
    0.0,
    'Weight of the identity L1 terms; needs equal channel counts.',
    Bounds(0),
    follows="the preset's where channel counts are equal, otherwise 0",
  )
  reconstruction_weight: float = option(
    0.0,
    'Weight of the L1 terms between images and what --method=exemplar makes of their own content '
    'and style.',
    Bounds(0),
  )
  code_weight: float = option(
    0.0,
    'Weight of the L1 terms between the contents and styles that --method=exemplar makes an image '
    'of, and those that it finds in the image.',
    Bounds(0),
  )
  nce_weight: float = option(
    0.0,
    'Weight of PatchNCE (Park et al. 2020): each patch of a generated image has to resemble the '
    'patch of its source at the same place more than the patches at others. With cyclegan for both '
    'directions (DCLGAN, Han et al. 2021).',
    Bounds(0),
  )
  nce_identity: bool = option(
    False,
    'Also PatchNCE between images of the target and what the generator makes of them; then both '
    'count half. Not with cyclegan.',
  )
  nce_patches: int = option(256, 'Patches of an image in each layer.', Bounds(1))
  nce_temperature: float = option(
    0.07,
    'Divides the similarities of patches. The lower it is, the more the closest ones count.',
    Bounds(0, above=True),
  )
  flip_equivariance: bool = option(
    False,
    'Generators and discriminators see half of the source images and fakes mirrored left-right, '
    'and PatchNCE compares with the image that is not (FastCUT).',
  )
  adversarial_loss: str = option(
    'lsgan',
    'lsgan: squared distance (Mao et al. 2017); vanilla: cross entropy (Goodfellow '
    'et al. 2014); hinge (Lim & Ye 2017).',
    ('lsgan', 'vanilla', 'hinge'),
  )
  adversarial_weight: float = option(
    1.0,
    'Weight of the adversarial terms of the generators. 0: no discriminators; needs --paired and '
    'a supervised term.',
    Bounds(0),
  )
  discriminator_weight: float = option(
    1.0,
    "Factor of a discriminator's loss, real + fake terms. 0.5 slows its learning down.",
    Bounds(0),
  )
  feature_matching_weight: float = option(
    0.0,
    'Weight of the L1 terms between activations of the discriminator for true and generated '
    'images (Wang et al. 2018, pix2pixHD, where it is 10 times the 4 layers); needs --paired.',
    Bounds(0),
  )
  r1_weight: float = option(
    0.0,
    "Weight of the squared gradient of discriminators' scores at real images, halved (R1, "
    'Mescheder et al. 2018).',
    Bounds(0),
  )
  r1_every: int = option(
    16, 'Steps between R1 terms, which then count as often (Karras et al. 2020).', Bounds(1)
  )
  ssim_weight: float = option(
    0.0,
    'Weight of 1 - SSIM between generated and true images, as in InfraGAN (Özkanoğlu & Ozer '
    '2022); needs --paired.',
    Bounds(0),
  )
  gradient_weight: float = option(
    0.0,
    'Weight of the L1 terms between the image gradients of generated and true images, as in '
    "the paper's reference [9] (Qian et al. 2020); needs --paired.",
    Bounds(0),
  )
  sharpness_weight: float = option(
    0.0,
    'Weight of the L1 terms between the mean gradient sizes of generated and true images in '
    'windows of 8x8 pixels: details as strong as true ones, wherever exactly they are; needs '
    '--paired.',
    Bounds(0),
  )
  thermal_weight: float = option(
    0.0,
    'Weight of the L1 term between the temperatures of generated and of true bases: means of '
    'classes, or with --base=lowpass the median and the 95th percentile. Needs --base.',
    Bounds(0),
  )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """The optimizers, the length of training, and the checkpoints kept."""

  preset: str = option('udacity', 'The preset to start from.')
  initialize_from: str = option(
    '',
    'A run folder, or a published model (its folder, or hf://OWNER/NAME): start from the weights '
    'of its best checkpoint instead of random ones, with new data, a new optimizer, and perhaps '
    'other losses. The shapes of the generators must be equal.',
    place=True,
  )
  epochs: int = option(
    9, 'Passes over the training split; --steps takes precedence.', Bounds(0), affects='checkpoint'
  )
  steps: int = option(0, 'Training steps. 0: as --epochs says.', Bounds(0), affects='checkpoint')
  batch_size: int = option(
    16,
    'Examples in a step, over all devices. 16 of 128x128 take about 1.2 GiB of a GPU with udacity, '
    '16 of 256x256 about 17 GiB with cyclegan; --precision=bfloat16, --accumulate and --remat take '
    'less.',
    Bounds(1),
  )
  learning_rate: float = option(2e-4, "Adam's learning rate.", Bounds(0, above=True))
  discriminator_rate: float = option(
    1.0,
    'Learning rate of discriminators in multiples of --learning_rate (Heusel et al. 2017).',
    Bounds(0, above=True),
  )
  seed: int = option(
    0,
    'Seed of initial weights, order of examples, augmentation, dropout and image pools.',
    Bounds(0, 2**32),
  )
  decay_start: int = option(
    0,
    'Epochs at the full learning rate; then it falls linearly over --decay_epochs.',
    Bounds(0),
    follows="the preset's, in proportion to --epochs; with --decay_epochs the epochs before them",
  )
  decay_epochs: int = option(
    0,
    'Epochs over which the learning rate falls to 0. 0: it is constant.',
    Bounds(0),
    follows="the preset's, in proportion to --epochs; with --decay_start the epochs after it",
  )
  beta1: float = option(0.5, "Adam's first decay rate.", Bounds(0, 1))
  beta2: float = option(0.999, "Adam's second decay rate.", Bounds(0, 1))
  ema_decay: float = option(
    0.0,
    "Decay of an exponential moving average of the generators' weights, such as 0.999, which "
    'then translates and is measured. 0: use the weights themselves.',
    Bounds(0, 1),
  )
  diff_augment: str = option(
    'none',
    'Random changes of all that discriminators see (DiffAugment, Zhao et al. 2020), for small data '
    'sets. translation: moves images by up to an eighth; cutout: hides a square of half the '
    'height and width. Of pix2pix, RGB and IR image alike.',
    ('none', 'translation', 'cutout', 'translation+cutout'),
  )
  pool_size: int = option(
    0,
    'Size of the image pools: discriminators see a pooled fake half of the time (Shrivastava et '
    'al. 2017). 0: always the new fakes.',
    Bounds(0),
  )
  update_order: str = option(
    'discriminators_first',
    'Which networks a step updates first. discriminators_first: generators face the updated '
    'discriminators; generators_first: discriminators see fakes from before the update of the '
    'generators.',
    ('discriminators_first', 'generators_first'),
  )
  redraw_fakes: bool = option(
    True,
    "With discriminators_first: count the generators' forward pass twice, as udacity's code does "
    'by repeating it. Images stay the same; running batch statistics move twice.',
  )
  accumulate: int = option(
    1,
    'Microbatches in a batch: they are computed one after the other, in the memory of one, and '
    'their gradients are averaged. Results stay the same, except with --norm=batch: each '
    'microbatch has its own statistics and moves the running ones; and with --spectral_norm: each '
    'improves the estimates of singular values.',
    Bounds(1),
  )
  remat: bool = option(
    False,
    'Recompute activations in the backward pass instead of keeping them: less memory, for larger '
    'images or batches, and slower steps. Results stay the same up to rounding.',
  )
  log_every: int = option(
    50, 'Steps between progress lines and rows of metrics.csv.', Bounds(1), affects='nothing'
  )
  checkpoint_every: int = option(
    0,
    'Steps between validations, sample grids and checkpoints. 0: once an epoch.',
    Bounds(0),
    affects='checkpoint',
  )
  best_metric: str = option(
    'overall',
    'Validation metric that chooses the best checkpoint; higher is better. overall: PSNR / 20 dB + '
    'SSIM + correlation, since PSNR alone prefers blurred images. Without pairs, the smallest '
    'unpaired_error chooses (docs/explanation/metrics.md).',
    ('overall', 'psnr', 'ssim', 'uqi'),
    affects='checkpoint',
  )
  patience: int = option(
    0,
    'End training after so many validations without a better one. 0: never.',
    Bounds(0),
    affects='checkpoint',
  )
  keep_checkpoints: int = option(2, 'Latest checkpoints to keep.', Bounds(1), affects='nothing')
  n_samples: int = option(6, 'Rows of a sample grid.', Bounds(1), affects='nothing')
  tensorboard: bool = option(
    False, 'Also write TensorBoard events (extra: tensorboard).', affects='nothing'
  )
  wandb: bool = option(
    False,
    'Also log to Weights & Biases (extra: wandb); without an account, or with WANDB_MODE=offline, '
    'into the run folder.',
    affects='nothing',
  )

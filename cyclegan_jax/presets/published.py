"""The configurations of published models, each with its source and what differs from it."""

# The code that the paper modified, its reference [1] (the CycleGAN exercise of Udacity's deep
# learning course), at the paper's 128x128, batch 16 and 9 epochs: the paper's four models. These
# are the defaults of all settings.
#   python -m experiments.train --dataset=NAME --paired --emsn
UDACITY = {}

# Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
# Adversarial Networks", as the authors' PyTorch repository has it: ResNet-9 generators, 70x70
# PatchGANs, pools of 50 fakes, and 200 epochs, with a falling learning rate in the second half.
# The identity weight is the repository's, half the cycle weight. It counts where the domains have
# equal channel counts (--ir_channels=3); otherwise the identity term is undefined and left out.
#   python -m experiments.train --preset=cyclegan --dataset=NAME
CYCLEGAN = dict(
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
# in one direction (--direction), by default from RGB to IR. Sides are multiples of 256; for 128
# give --n_downsampling=7. Unlike the repository's default test mode, translation uses no dropout,
# and running batch statistics (its --eval), so that a result depends on the image alone and repeats
# exactly.
#   python -m experiments.train --preset=pix2pix --dataset=NAME
PIX2PIX = dict(
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

# Wang, Liu, Zhu, Tao, Kautz, Catanzaro 2018, "High-Resolution Image Synthesis and Semantic
# Manipulation with Conditional GANs" (pix2pixHD), as the defaults of the authors' repository
# (NVIDIA/pix2pixHD) have it for images instead of labels (--label_nc=0 --no_instance): the global
# generator, two discriminators at two scales, and feature matching, whose weight there is 10 for
# each of 4 layers. Their images are 1024 pixels wide at any height: set --image_size to the shape
# of yours, in multiples of 16. Different here: no VGG loss, also of weight 10, whose network does
# not come with this package; biases begin at 0; images are resized to one shape. Not here: the
# local enhancer for 2048x1024, label and instance maps.
#   python -m experiments.train --preset=pix2pixhd --dataset=NAME
PIX2PIXHD = dict(
  method='pix2pix',
  paired=True,
  supervised_weight=0.0,
  generator='resnet',
  n_downsampling=4,
  n_residual_blocks=9,
  norm='instance',
  initializer='normal',
  discriminator='multiscale',
  discriminator_layers=3,
  discriminator_scales=2,
  discriminator_activation='leaky_relu',
  discriminator_weight=0.5,
  feature_matching_weight=40.0,
  cycle_weight=0.0,
  update_order='generators_first',
  redraw_fakes=False,
  image_size=(512, 1024),
  resize='bicubic',
  flip=True,
  batch_size=1,
  epochs=200,
  decay_start=101,
  decay_epochs=99,
)

# Özkanoğlu & Ozer 2022, "InfraGAN: A GAN architecture to transfer visible images to infrared
# domain", as the commands in the README of the authors' repository (makifozkanoglu/InfraGAN) have
# it for the data sets VEDAI and KAIST: pix2pix with a U-Net of 9 layers, an SSIM term, and a U-Net
# discriminator, whose learning rate is a hundredth. Sides are multiples of 512; for 128 give
# --n_downsampling=7 --discriminator_layers=5. The rate of the 200th epoch would be 0. Different
# here: SSIM has the constants of a range of 2, which the images have (theirs: of a range of 1);
# larger images are resized, not cut; translation uses no dropout, as for pix2pix. Not here: their
# FLIR model, from gray images at 256x256 with twice the generator's width.
#   python -m experiments.train --preset=infragan --dataset=NAME
INFRAGAN = dict(
  PIX2PIX,
  n_downsampling=9,
  discriminator='unet',
  discriminator_layers=7,
  discriminator_activation='relu',
  spectral_norm=True,
  discriminator_rate=0.01,
  ssim_weight=100.0,
  image_size=(512, 512),
  load_size=(0, 0),
  flip=False,
  batch_size=4,
  epochs=199,
  decay_start=99,
)

# Kniaz, Knyaz, Hladůvka, Kropatsch, Mizginov 2018, "ThermalGAN: Multimodal Color-to-Thermal Image
# Translation for Person Re-Identification in Multispectral Dataset", the paper's reference [4]: a
# base of mean temperatures from RGB and temperatures, then contrasts on it, each stage a pix2pix.
# The second stage is that of the authors' repository (vlkniaz/ThermalGAN), which has pix2pix's
# settings, a U-Net of 9 layers, 512x512 crops, and no flips. The first was never published. Here it
# is a pix2pix, too, and not a BicycleGAN: temperatures are told (--condition) and not encoded, and
# means of classes are compared in place of codes, with BicycleGAN's proportion of the L1 terms of
# codes and images, 0.5 to 10. Different, too: means are those of classes, not of single objects,
# and borders of classes stay sharp; contrasts are network values, not clipped at 10 degC; both
# stages learn in one run; a fifth of the images are told the means of training. Sides are multiples
# of 512; for 128 give --n_downsampling=7. Needs labels; without them give --base=lowpass
# --condition=quantiles.
#   python -m experiments.train --preset=thermalgan --dataset=NAME
THERMALGAN = dict(
  PIX2PIX,
  base='class_means',
  condition='class_temperatures',
  thermal_weight=5.0,
  n_downsampling=9,
  image_size=(512, 512),
  load_size=(542, 542),
  flip=False,
)

# Park, Efros, Zhang, Zhu 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", as
# the authors' repository has it (github.com/taesungp/contrastive-unpaired-translation,
# models/cut_model.py with --CUT_mode=CUT): in one direction (--direction), without a cycle.
# What the generator's own encoder says of a patch takes the place of cycle consistency. The encoder
# sees a gray IR image with its channel repeated. One thing differs: the repository stops its random
# crops once the learning rate falls.
#   python -m experiments.train --preset=cut --dataset=NAME
CUT = dict(
  method='cut',
  generator='resnet',
  n_downsampling=2,
  n_residual_blocks=9,
  norm='instance',
  initializer='xavier',
  antialias=True,
  upsampling='bilinear',
  projection_width=256,
  discriminator='patchgan',
  discriminator_layers=3,
  discriminator_activation='leaky_relu',
  discriminator_weight=0.5,
  cycle_weight=0.0,
  nce_weight=1.0,
  nce_identity=True,
  redraw_fakes=False,
  image_size=(256, 256),
  load_size=(286, 286),
  resize='bicubic',
  flip=True,
  batch_size=1,
  epochs=400,
  decay_start=200,
  decay_epochs=200,
)

# Its lighter variant (--CUT_mode=FastCUT): a larger weight, mirrored images, no identity term.
#   python -m experiments.train --preset=fastcut --dataset=NAME
FASTCUT = dict(
  CUT,
  nce_weight=10.0,
  nce_identity=False,
  flip_equivariance=True,
  epochs=200,
  decay_start=150,
  decay_epochs=50,
)

# Han, Shoeiby, Petersson, Armin 2021, "Dual Contrastive Learning for Unsupervised Image-to-Image
# Translation", as the authors' repository has it (github.com/JunlinHan/DCLGAN,
# models/dcl_model.py): PatchNCE in both directions, with an encoder for each domain, instead of
# cycle consistency. The identity term is left out as in the preset cyclegan. Beside what is said of
# cut, one thing differs: the repository's projection networks have an Adam of their own with
# PyTorch's defaults (rate 1e-3, b1 0.9); here they learn as the generators do.
#   python -m experiments.train --preset=dclgan --dataset=NAME
DCLGAN = dict(
  CUT,
  method='cyclegan',
  nce_pixels=False,
  nce_identity=False,
  identity_weight=0.5,
  adversarial_loss='hinge',
  adversarial_weight=0.5,
)

# Wang, Zhang, Yang, Cheng, Chang, Liang, Hou 2020, "Cross-Modality Paired-Images Generation for
# RGB-Infrared Person Re-Identification", the paper's reference [11]: its generation module, as the
# authors' repository (wangguanan/JSIA-ReID) has it. An image is a content, of which one encoder
# knows both domains, and a style; IR images are made in the style of others. Styles are exchanged
# between images of one sequence, where theirs shows one person. The encoders of styles, adaptive
# norms, weights of losses, and the Adam of decoders and discriminators are theirs. Different here:
# the encoder of contents has random weights at first (theirs: the first layers of a ResNet-50 that
# knows ImageNet, which do not change while the module learns alone) and learns as the decoders do;
# decoders enlarge twice, as in the paper (the repository: once, to half the size); discriminators
# are those of pix2pixHD without norms, with the same widths and scales; no weight decay. How many
# residual blocks, which initial weights, and how long to learn is our choice. Not here: all that
# recognizes persons. Sides are multiples of 4, from 16 on.
#   python -m experiments.train --preset=exemplar --dataset=NAME
EXEMPLAR = dict(
  method='exemplar',
  generator='resnet',
  n_downsampling=2,
  n_residual_blocks=4,
  norm='none',
  discriminator='multiscale',
  discriminator_width=32,
  discriminator_layers=4,
  discriminator_scales=2,
  discriminator_activation='leaky_relu',
  reconstruction_weight=10.0,
  code_weight=1.0,
  redraw_fakes=False,
  learning_rate=1e-4,
  image_size=(128, 128),
  load_size=(142, 142),
  flip=True,
  batch_size=8,
  epochs=100,
)

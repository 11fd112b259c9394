"""The settings of the data: which images a run draws, and how it prepares and augments them.

The most used come first.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from cyclegan_jax.option import Bounds, option

# Metadata of settings that name a folder, and a folder within another one.
_FOLDER: dict[str, Any] = {'affects': 'nothing', 'place': True, 'per_process': True}
_SUBFOLDER: dict[str, Any] = {'affects': 'pixels', 'place': True}


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """The examples that are drawn, and how."""

  dataset: str = option('', 'The data set to learn from.', affects='pixels')
  source_dir: str = option('', 'Folder with the raw images.', **_FOLDER)
  paired: bool = option(
    False,
    'Draw the RGB and IR images of one scene together and add the supervised L1 term, see '
    '--supervised_weight. Otherwise RGB and IR are drawn independently, and an epoch is one pass '
    'over the larger domain.',
  )
  normalization: str = option(
    'plain',
    "Pixel values to network values. plain: each domain onto [-1, 1]; emsn: the paper's "
    'equations (1) and (2), which as printed equal plain up to rounding; spectral_channels: '
    'plain, and generators also see the wavelength of each channel (R 685, G 532.5, B 472.5 nm, '
    'otherwise the middle of the band) on a logarithmic axis from 380 to 14000 nm.',
    ('plain', 'emsn', 'spectral_channels'),
  )
  ir_band: str = option(
    'paper',
    "The IR domain's band for spectral_channels, MIN:MAX in nm, or lwir (7500:14000), mwir "
    "(3000:5000), nir (700:1000), or paper, the paper's 1000:14000.",
  )
  ir_range: str = option(
    '',
    'What the gray levels of the IR images mean, MIN:MAX,UNIT such as -20:120,degC: the value '
    'of gray level 0, that of the largest one (255 or 65535), and their unit; linear between. For '
    'images with one fixed span only. The model keeps it and writes it into its translations; '
    'training ignores it. Empty: unknown.',
    affects='nothing',
  )
  ir_span: str = option(
    '',
    'Which values of the IR files become black and white: MIN:MAX, such as 7200:7900 for counts of '
    'a camera, or MIN:MAX,UNIT, such as -20:120,degC, which says --ir_range, too. For 16-bit '
    'images that use little of their range, and for floating-point TIFF. auto: one span around the '
    'values of all IR files. Images are stored with 16 bits over the span. Empty: the whole range '
    'of 8 or 16 bits.',
    affects='pixels',
  )
  image_size: tuple[int, int] = option(
    (128, 128),
    'Size at which networks are trained and measured: 128, or HEIGHTxWIDTH.',
    Bounds(1),
    affects='pixels',
  )
  load_size: tuple[int, int] = option(
    (0, 0),
    'Resize to this first, then crop --image_size at random (in evaluation: from the center). '
    '0: no crop.',
    Bounds(0),
    affects='pixels',
    follows="the preset's, in proportion to --image_size; 0 if it has none",
  )
  resize: str = option(
    'area',
    'Filter for resizing, both antialiased. none: crop instead of resizing.',
    ('area', 'bicubic', 'none'),
    affects='pixels',
  )
  keep_aspect: str = option(
    'none',
    'How images of another shape get --image_size (or --load_size). none: they are squeezed; pad: '
    'the whole image with its proportions, mirrored beyond its border, where no pixel counts in '
    'losses and metrics; crop: with its proportions, without what is left over at two of its '
    'sides.',
    ('none', 'pad', 'crop'),
    affects='pixels',
  )
  flip: bool = option(False, 'Mirror images left-right at random in training, pairs together.')
  zoom: float = option(
    1.0,
    'Train on random crops whose sides are at least this share of the whole image, resized to '
    '--image_size, pairs together. 0.5 shows up to a quarter of an image; 1: no zoom. For small '
    'data sets.',
    Bounds(0.1, 1.000001),
  )
  jitter_brightness: float = option(
    0.0,
    'Multiply RGB images in training by a random factor between 1 minus and 1 plus this.',
    Bounds(0, 1),
  )
  jitter_contrast: float = option(
    0.0, "The same for the differences from an RGB image's mean luminance.", Bounds(0, 1)
  )
  jitter_hue: float = option(
    0.0,
    'Turn the hue of RGB images in training by up to this share of the color circle, either way.',
    Bounds(0, 0.500001),
  )
  jitter_gray: float = option(
    0.0, 'Share of the RGB images in training that lose their color.', Bounds(0, 1.000001)
  )
  condition_jitter: float = option(
    0.0,
    'Make each class of the IR images in training warmer or colder at random, with this share of '
    'the gray levels as standard deviation; --condition tells how. So networks learn to obey for '
    'each class alone. With --condition=quantiles: the whole image, and its contrast.',
    Bounds(0, 1),
  )
  condition_dropout: float = option(
    0.2,
    'Share of the training images that are told the means of training instead of their own '
    '--condition, so that networks learn to do without.',
    Bounds(0, 1),
  )
  rgb_channels: int = option(3, 'Channels of RGB images: 3, or 1 for gray.', (1, 3))
  ir_channels: int = option(
    1, 'Channels of IR images: 1, or 3 to keep their colors.', (1, 3), affects='pixels'
  )
  mask: str = option(
    'loss',
    'Pixels without thermal data, such as black borders. loss: leave them out of losses and '
    'metrics; crop: cut images to a rectangle without them; none: use them like other pixels.',
    ('loss', 'crop', 'none'),
    affects='pixels',
  )
  rgb_dir: str = option('', 'Subfolder with the RGB images. Empty: find it.', **_SUBFOLDER)
  ir_dir: str = option('', 'Subfolder with the IR images. Empty: find it.', **_SUBFOLDER)
  label_dir: str = option(
    '',
    'Subfolder with labels: PNG files of class indices, YOLO files (.txt), or a COCO file (.json). '
    'They are measured class by class. Empty: none.',
    affects='training',
    place=True,
  )
  train_pairs: int = option(
    0,
    'Train on only so many pairs of the training split, or images of each domain, as if there were '
    'no others. They are drawn at random, alike for every --seed, and those of a smaller number '
    'are among those of a larger one. 0: all.',
    Bounds(0),
  )
  exclude: str = option(
    '',
    'Leave out the pairs that experiments.check_pairs has flagged: its pairs.csv. Clear the column '
    'flags of pairs that you want to keep.',
    affects='pixels',
    place=True,
    per_process=True,
  )
  data_dir: str = option(
    '', 'Folder for prepared data sets. Empty: ~/tensorflow_datasets.', **_FOLDER
  )
  cache_gib: float = option(
    -1.0,
    'GiB of memory for decoded training images; images that do not fit are decoded in every '
    'epoch. 0: none; -1: a quarter of the memory that is free at the start. Each process on a '
    'machine has its own.',
    Bounds(-1),
    affects='nothing',
    per_process=True,
  )
  # Options of the data set that are not at their defaults; they affect pixels. Its builder knows
  # them, see datasets/registry.py.
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

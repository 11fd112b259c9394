"""Layouts of published PyTorch networks: the key of each layer and its path in our tree.

There are two codebases, each with its own names for the arrays of a state_dict:
  udacity: github.com/udacity/deep-learning-v2-pytorch, cycle-gan/, our `udacity` networks
  junyanz: github.com/junyanz/pytorch-CycleGAN-and-pix2pix, our `resnet`, `unet` and `patchgan`;
    github.com/taesungp/contrastive-unpaired-translation too, with antialias and bilinear layers

The generators of pix2pixHD and InfraGAN have the names of junyanz. Of their discriminators no
layout is known here, nor of any with spectral norm.
"""

from collections.abc import Callable, Iterator, Mapping

from cyclegan_jax.settings import ModelConfig

# A path in the parameters or batch statistics of a network.
Path = tuple[str | int, ...]
# For each layer, its key in the state_dict and its path.
_Layers = Iterator[tuple[str, Path]]
_Layout = Callable[[ModelConfig], _Layers]


def _udacity_generator(model: ModelConfig) -> _Layers:
  for i in range(model.n_downsampling):
    yield f'conv{i + 1}.0', ('down', i)
    yield f'conv{i + 1}.1', ('down_norms', i)
  for i in range(model.n_residual_blocks):
    for half in (1, 2):
      yield f'res_blocks.{i}.conv_layer{half}.0', ('blocks', i, f'conv{half}')
      yield f'res_blocks.{i}.conv_layer{half}.1', ('blocks', i, f'norm{half}')
  for i in range(model.n_downsampling):
    yield f'deconv{i + 1}.0', ('up', i)
    yield f'deconv{i + 1}.1', ('up_norms', i)


def _udacity_discriminator(model: ModelConfig) -> _Layers:
  for i in range(model.discriminator_layers):
    yield f'conv{i + 1}.0', ('convs', i)
    yield f'conv{i + 1}.1', ('norms', i - 1)
  yield f'conv{model.discriminator_layers + 1}.0', ('score',)


def _resnet_generator(model: ModelConfig) -> _Layers:
  # Indices into one Sequential, which also counts padding, activations, blurs and resizes.
  is_resized = model.upsampling == 'bilinear'
  halving, doubling = 3 + model.antialias, 3 + is_resized
  yield 'model.1', ('first',)
  yield 'model.2', ('first_norm',)
  blocks = 4 + halving * model.n_downsampling
  ups = blocks + model.n_residual_blocks + is_resized
  for i in range(model.n_downsampling):
    yield f'model.{4 + halving * i}', ('down', i)
    yield f'model.{5 + halving * i}', ('down_norms', i)
  for i in range(model.n_residual_blocks):
    for half, inner in ((1, 1), (2, 5)):
      yield f'model.{blocks + i}.conv_block.{inner}', ('blocks', i, f'conv{half}')
      yield f'model.{blocks + i}.conv_block.{inner + 1}', ('blocks', i, f'norm{half}')
  for i in range(model.n_downsampling):
    yield f'model.{ups + doubling * i}', ('up', i, 'conv') if is_resized else ('up', i)
    yield f'model.{ups + doubling * i + 1}', ('up_norms', i)
  yield f'model.{ups - is_resized + doubling * model.n_downsampling + 1}', ('last',)


def _unet_generator(model: ModelConfig) -> _Layers:
  # Each block is a Sequential that contains the next one, and ends with dropout if there is any.
  last = model.n_downsampling - 1
  yield 'model.model.0', ('down', 0)
  yield 'model.model.3', ('up', last)
  block = 'model.model.1.model'
  for i in range(1, last + 1):
    up = 5 if i < last else 3
    yield f'{block}.1', ('down', i)
    yield f'{block}.2', ('down_norms', i - 1)
    yield f'{block}.{up}', ('up', last - i)
    yield f'{block}.{up + 1}', ('up_norms', last - i)
    block += '.3.model'


def _patchgan_discriminator(model: ModelConfig) -> _Layers:
  yield 'model.0', ('convs', 0)
  last, halving = model.discriminator_layers, 3 + model.antialias
  for i in range(1, last + 1):
    yield f'model.{halving * i - 1}', ('convs', i)
    yield f'model.{halving * i}', ('norms', i - 1)
  # No blur follows the last of them.
  yield f'model.{halving * last + 2}', ('score',)


def projection(layers: int) -> _Layers:
  """The layers of a projection network for so many layers of an encoder."""
  for i in range(layers):
    yield f'mlp_{i}.0', ('hidden', i)
    yield f'mlp_{i}.2', ('out', i)


# By --generator and --discriminator.
GENERATORS: Mapping[str, _Layout] = {
  'udacity': _udacity_generator,
  'resnet': _resnet_generator,
  'unet': _unet_generator,
}
DISCRIMINATORS: Mapping[str, _Layout] = {
  'udacity': _udacity_discriminator,
  'patchgan': _patchgan_discriminator,
}


def has_discriminator(model: ModelConfig) -> bool:
  """Returns True if the layout of the discriminators is known."""
  return model.discriminator in DISCRIMINATORS and not model.spectral_norm

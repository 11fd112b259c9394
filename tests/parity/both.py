"""The same networks, batches and random draws in PyTorch and here."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.pytorch import weights as torch_weights
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import parallel, state as state_lib
from tests.parity import (
  both_cut,
  by_name,
  draws,
  torch_cut,
  torch_discriminators,
  torch_networks,
  torch_paired_steps,
  torch_pix2pix,
  torch_steps,
)
from tests.training import fresh

# Small relatives of the published networks, with every kind of layer: the U-Net has two dropouts.
# The pool is full in the second step.
TINY = {
  'udacity': dict(
    image_size=(32, 32),
    base_width=4,
    n_residual_blocks=1,
    n_downsampling=2,
    discriminator_width=4,
    discriminator_layers=3,
    batch_size=4,
  ),
  'cyclegan': dict(
    image_size=(32, 32),
    base_width=4,
    n_residual_blocks=1,
    batch_size=4,
    discriminator_width=4,
    discriminator_layers=2,
    pool_size=6,
  ),
  'pix2pix': dict(
    image_size=(128, 128),
    base_width=4,
    n_downsampling=7,
    batch_size=4,
    discriminator_width=4,
    discriminator_layers=2,
  ),
  'sparse': dict(
    image_size=(64, 64),
    base_width=4,
    n_downsampling=6,
    batch_size=4,
    discriminator_width=4,
    discriminator_layers=2,
  ),
  'pix2pixhd': dict(
    image_size=(32, 32),
    base_width=4,
    n_downsampling=2,
    n_residual_blocks=1,
    batch_size=4,
    discriminator_width=4,
    discriminator_layers=2,
  ),
  'infragan': dict(
    image_size=(32, 32),
    base_width=4,
    n_downsampling=5,
    batch_size=4,
    # An eighth of its channels are compared in its attention.
    discriminator_width=8,
    discriminator_layers=5,
  ),
}

# For tests that compile them: its many layers take long.
PRESETS = [
  pytest.param(name, marks=pytest.mark.slow) if name == 'infragan' else name for name in TINY
]
TINY |= both_cut.TINY


def tiny(preset: str, **overrides: Any) -> Config:
  """A small configuration of a preset."""
  return config_lib.make(preset, **{**TINY[preset], 'dataset': 'x', **overrides})


def torch_nets(config: Config, *, plain: bool = False) -> dict[str, torch.nn.Module]:
  """The PyTorch networks of a configuration by our names, always the same, in training mode.

  Unless `plain`, what begins as 0 or 1 everywhere is disturbed, so that no mistake in it hides.
  """
  model, data = config.model, config.data
  channels = {'rgb': data.rgb_channels, 'ir': data.ir_channels}
  judged = networks.discriminator_channels(model, make_domains(data))
  width, depth, blocks = model.base_width, model.n_downsampling, model.n_residual_blocks
  nets = {}
  for name in networks.generators(model):
    ends = [channels[domain] for domain in name.split('_to_')]
    nets[name] = {
      'udacity': lambda: torch_networks.UdacityGenerator(
        *ends, width=width, blocks=blocks, depth=depth
      ),
      'resnet': lambda: (torch_cut if model.antialias else torch_networks).ResnetGenerator(
        *ends, width=width, blocks=blocks, depth=depth
      ),
      'unet': lambda: torch_pix2pix.UNetGenerator(
        *ends, width=width, depth=depth, skips=model.skip_levels
      ),
    }[model.generator]()
  of_judge = dict(width=model.discriminator_width, depth=model.discriminator_layers)
  for name, seen in judged.items():
    nets[name] = (
      torch_cut.PatchDiscriminator(seen, **of_judge)
      if model.antialias
      else {
        'udacity': lambda: torch_networks.UdacityDiscriminator(seen, **of_judge),
        'patchgan': lambda: torch_networks.PatchDiscriminator(seen, norm=model.norm, **of_judge),
        'multiscale': lambda: torch_discriminators.MultiscaleDiscriminator(
          seen, scales=model.discriminator_scales, **of_judge
        ),
        'unet': lambda: torch_discriminators.UNetDiscriminator(seen, **of_judge),
      }[model.discriminator]()
    )
  nets |= both_cut.projections(config, nets)
  init = {
    'normal': torch_networks.init_normal,
    'uniform': torch_networks.init_default,
    'xavier': torch_cut.init_xavier,
  }[model.initializer]
  generator = torch.Generator().manual_seed(0)
  for net in nets.values():
    is_unet_judge = isinstance(net, torch_discriminators.UNetDiscriminator)
    (torch_discriminators.init_unet if is_unet_judge else init)(net, generator)
    if not plain:
      disturb(net, generator)
  return nets


def disturb(net: torch.nn.Module, generator: torch.Generator) -> None:
  with torch.no_grad():
    for value in net.state_dict().values():
      if value.ndim < 2 and value.is_floating_point():
        value += 0.1 * torch.rand(value.shape, generator=generator)


def conversion(config: Config, name: str) -> Any:
  """The module with `from_torch` and `to_torch` of a network."""
  is_generator = name in networks.generators(config.model)
  is_new = config.model.discriminator in ('multiscale', 'unet')
  return by_name if is_new and not is_generator else torch_weights


def numpy_dict(arrays: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
  """Tensors as arrays, whole numbers (counts of batches) left out; copies, as PyTorch works in
  place."""
  return {
    key: value.detach().numpy().copy() for key, value in arrays.items() if value.is_floating_point()
  }


def state_of(config: Config, nets: dict[str, torch.nn.Module]) -> state_lib.TrainState:
  """Our state before the first step with PyTorch's weights; float64 if that is enabled."""
  params, stats = {}, {}
  for name, net in nets.items():
    params[name], stats[name] = conversion(config, name).from_torch(
      config, name, numpy_dict(net.state_dict()), name
    )
  dtype = jax.dtypes.canonicalize_dtype(np.float64)
  params, stats = jax.tree.map(lambda x: jnp.asarray(x, dtype), (params, stats))
  start = fresh.state(config)
  moments = jax.tree.map(lambda x: x.astype(dtype) if x.dtype == np.float32 else x, start.opt_state)
  return state_lib.TrainState(
    step=start.step, params=params, batch_stats=stats, ema={}, opt_state=moments, pools=start.pools
  )


def batches(config: Config, n: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
  """Batches of noise, float64 [rows, height, width, channels] of exact float32 values."""
  rng, data = np.random.default_rng(seed), config.data
  shape = (config.train.batch_size, *data.image_size)
  draw = lambda channels: rng.uniform(-1, 1, (*shape, channels)).astype(np.float32)
  return [
    {
      'rgb': draw(data.rgb_channels).astype(np.float64),
      'ir': draw(data.ir_channels).astype(np.float64),
    }
    for _ in range(n)
  ]


def to_torch(image: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
  """[batch, height, width, channels] to [batch, channels, height, width]."""
  return torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2))).to(dtype)


def our_steps(
  config: Config, state: state_lib.TrainState, data: list[dict[str, np.ndarray]]
) -> Iterator[tuple[state_lib.TrainState, dict[str, float]]]:
  """Our state and terms after each step, over all devices."""
  nets = networks.build(config.model, make_domains(config.data))
  step = parallel.compile_train_step(nets, config, fresh.optimizer(config))
  devices, dtype = jax.local_device_count(), jax.tree.leaves(state.params)[0].dtype
  state = parallel.replicate(state)
  for batch in data:
    shards = {
      name: image.reshape(devices, -1, *image.shape[1:]).astype(dtype)
      for name, image in batch.items()
    }
    state, terms = step(state, jax.device_put(shards, parallel.sharding()))
    yield (
      jax.tree.map(np.array, parallel.unreplicate(state)),
      {name: float(value[0]) for name, value in terms.items()},
    )


def torch_optimizers(config: Config, nets: dict[str, torch.nn.Module]) -> dict[str, Any]:
  """As the preset's source groups the networks."""
  make = {
    'udacity': torch_steps.udacity_optimizers,
    'infragan': torch_paired_steps.infragan_optimizers,
    **dict.fromkeys(both_cut.TINY, torch_cut.optimizers),
  }.get(config.train.preset, torch_steps.optimizers)
  return make(nets, learning_rate=config.train.learning_rate)


def their_steps(
  config: Config,
  nets: dict[str, torch.nn.Module],
  optims: dict[str, Any],
  data: list[dict[str, np.ndarray]],
) -> Iterator[dict[str, float]]:
  """PyTorch's terms after each step, with our draws; networks and optimizers change in place."""
  loss, dtype = config.loss, next(nets['rgb_to_ir'].parameters()).dtype
  weights = dict(
    cycle_weight=loss.cycle_weight,
    identity_weight=loss.identity_weight,
    supervised_weight=loss.supervised_weight,
  )
  pools = {
    name: torch_steps.ImagePool(config.train.pool_size)
    for name in networks.discriminators(config.model)
  }
  masks = lambda step: [to_torch(mask, dtype) for mask in draws.dropout_masks(config, step)]
  for i, batch in enumerate(data):
    images = {name: to_torch(image, dtype) for name, image in batch.items()}
    if config.train.preset == 'udacity':
      terms = torch_steps.udacity_step(nets, optims, images, **weights)
    elif config.train.preset == 'cyclegan':
      terms = torch_steps.cyclegan_step(
        nets,
        optims,
        images,
        **weights,
        pools=pools,
        draws={name: draws.pool_draws(config, name, i) for name in pools},
      )
    elif config.train.preset in both_cut.TINY:
      terms = both_cut.their_step(config, nets, optims, images, i)
    elif config.train.preset == 'pix2pixhd':
      terms = torch_paired_steps.pix2pixhd_step(nets, optims, images)
    elif config.train.preset == 'infragan':
      terms = torch_paired_steps.infragan_step(
        nets, optims, images, masks=masks(i), ssim_weight=loss.ssim_weight
      )
    else:
      terms = torch_pix2pix.pix2pix_step(
        nets,
        optims,
        images,
        masks=masks(i),
        l1_weight=loss.supervised_weight,
        gradient_weight=loss.gradient_weight,
      )
    yield {name: value.item() for name, value in terms.items()}


def moments(
  nets: dict[str, torch.nn.Module], optims: dict[str, Any], which: str
) -> dict[str, dict[str, np.ndarray]]:
  """PyTorch's 'exp_avg' or 'exp_avg_sq' of every network by key."""
  states = {id(p): state for optim in optims.values() for p, state in optim.state.items()}
  return {
    name: numpy_dict({key: states[id(p)][which] for key, p in net.named_parameters()})
    for name, net in nets.items()
  }

"""What both.py needs for CUT, FastCUT and DCLGAN: projections, our draws, and their step."""

import jax.numpy as jnp
import numpy as np
import torch

from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import patch_nce, rng
from tests.parity import torch_cut, torch_steps


def projections(config: Config, nets: torch_steps.Networks) -> torch_steps.Networks:
  """The projection networks by our names, for the encoders in `nets`."""
  model, found = config.model, {}
  for name in networks.generators(model) if model.projection_width else ():
    seen = torch.zeros(1, nets[name].model[1].in_channels, *config.data.image_size)
    features = nets[name].encode(seen)[not model.nce_pixels :]
    widths = [feature.shape[1] for feature in features]
    found[networks.projection(name)] = torch_cut.PatchProjection(
      widths, width=model.projection_width
    )
  return found


def places(
  config: Config, step: int, domain: str, generator_pass: int, sizes: list[tuple[int, int]]
) -> torch_cut.Places:
  """The positions that we draw for the images of a domain, in layers of these sizes."""
  rows = jnp.arange(config.train.batch_size)
  keys = rng.patches(config, step, rows, domain, generator_pass)
  drawn = patch_nce.places(keys, sizes, config.loss.nce_patches)
  return [torch.from_numpy(np.array(place.index, np.int64)) for place in drawn]


def mirrored(config: Config, step: int) -> torch.Tensor | None:
  """Which images our networks see mirrored in a step."""
  if not config.loss.flip_equivariance:
    return None
  return torch.from_numpy(np.array(rng.mirrored(config, step, jnp.arange(config.train.batch_size))))


def their_step(
  config: Config,
  nets: torch_steps.Networks,
  optims: torch_steps.Optimizers,
  images: torch_steps.Images,
  step: int,
) -> torch_steps.Terms:
  """PyTorch's step with our draws."""
  features = nets['rgb_to_ir'].encode(images['rgb'])[not config.model.nce_pixels :]
  sizes = [tuple(feature.shape[2:]) for feature in features]
  draw = lambda domain, which=rng.FAKE: places(config, step, domain, which, sizes)
  if config.model.method == 'cyclegan':
    return torch_cut.dclgan_step(
      nets,
      optims,
      images,
      places={f'nce_{domain}': draw(domain) for domain in ('rgb', 'ir')},
      identity=bool(config.loss.identity_weight),
    )
  return torch_cut.cut_step(
    nets,
    optims,
    images,
    places={'nce_rgb': draw('rgb'), 'nce_identity_ir': draw('ir', rng.IDENTITY)},
    nce_weight=config.loss.nce_weight,
    nce_identity=config.loss.nce_identity,
    mirrored=mirrored(config, step),
  )

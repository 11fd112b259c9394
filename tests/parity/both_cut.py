"""What both.py needs for CUT, FastCUT and DCLGAN: small relatives, projections, their step."""

import torch

from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import rng
from tests.parity import draws, torch_cut, torch_steps

# Small relatives. Glorot's weights times 0.02 would hide mistakes: beside disturbed biases they
# make all patches look alike.
_CUT = dict(
  image_size=(32, 32),
  base_width=4,
  n_residual_blocks=2,
  batch_size=4,
  discriminator_width=4,
  discriminator_layers=2,
  projection_width=8,
  nce_patches=100,
  initializer='uniform',
)
# With three blocks the middle one is not the last.
TINY = {'cut': _CUT, 'fastcut': _CUT, 'dclgan': {**_CUT, 'n_residual_blocks': 3}}


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
  draw = lambda domain, which=rng.FAKE: draws.places(config, step, domain, which, sizes)
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
    mirrored=draws.mirrored(config, step),
  )

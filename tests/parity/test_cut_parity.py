"""Networks and the loss of CUT against PyTorch; whole steps are in test_step_parity.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')


from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.training.step import patch_nce
from tests.inference.pytorch import test_importing
from tests.parity import both, test_parity, torch_cut


def check_forward(config, tolerance):
  nets, batch = both.torch_nets(config), both.batches(config, 1)[0]
  for name in (*networks.generators(config.model), *networks.discriminators(config.model)):
    image = batch[name.split('_to_')[0]].astype(np.float32)
    (y,), _, (want,), _ = test_parity.forward(config, name, nets[name], image, training=True)
    assert y.shape == want.shape
    assert np.abs(y - want).max() / np.ptp(want) < tolerance, name


@pytest.mark.parametrize(
  'changed', [{}, dict(image_size=(24, 40), n_downsampling=1, discriminator_layers=1)]
)
def test_small_networks_have_the_same_outputs(changed):
  check_forward(both.tiny('cut', load_size=(0, 0), **changed), 1e-5)


@pytest.mark.slow
def test_published_networks_have_the_same_outputs():
  # With weights of a size at which every layer shows; see test_parity.py for the bound.
  check_forward(config_lib.make('cut', dataset='x', initializer='normal'), 1e-5)


def test_published_layers_are_compared():
  assert torch_cut.ResnetGenerator(3, 3, width=1).compared == [0, 4, 8, 12, 16]


@pytest.mark.parametrize('preset', ['cut', 'dclgan'])
def test_features_and_their_projection(preset):
  config = both.tiny(preset)
  nets, image = both.torch_nets(config), both.batches(config, 1)[0]['rgb'].astype(np.float32)
  state = both.state_of(config, nets)
  ours = networks.build(config.model, make_domains(config.data))
  features = jax.jit(ours['rgb_to_ir'].encode)(state.params['rgb_to_ir'], {}, image)
  sizes = [feature.shape[1:3] for feature in features]
  drawn = patch_nce.places(jax.random.split(jax.random.key(0), len(image)), sizes, 20)
  flat = [f.reshape(len(image), -1, f.shape[-1]) for f in features]
  patches = [
    jnp.take_along_axis(f, place.index[..., None], axis=1) for f, place in zip(flat, drawn)
  ]
  projected, _ = ours['projection_rgb'](state.params['projection_rgb'], {}, patches, training=True)
  with torch.no_grad():
    theirs = nets['rgb_to_ir'].encode(both.to_torch(image, torch.float32))
    theirs = theirs[not config.model.nce_pixels :]
    places = [torch.from_numpy(np.array(place.index, np.int64)) for place in drawn]
    wanted = nets['projection_rgb'](theirs, places)
  for got, want in zip(features, theirs, strict=True):
    want = want.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
  for got, want in zip(projected, wanted, strict=True):
    np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize('temperature', [0.07, 0.2])
def test_loss_and_its_gradient(temperature):
  rng = np.random.default_rng(0)
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  queries, keys = (unit(rng.normal(size=(3, 50, 16))) for _ in range(2))
  their_queries = torch.from_numpy(queries).requires_grad_()
  want = torch_cut.contrast(their_queries, torch.from_numpy(keys), temperature)
  want.backward()
  with jax.enable_x64(True):
    got, gradient = jax.value_and_grad(patch_nce.contrast)(
      jnp.asarray(queries), jnp.asarray(keys), jnp.ones((3, 50), bool), temperature
    )
  assert float(got) == pytest.approx(want.item(), rel=1e-12)
  np.testing.assert_allclose(gradient, their_queries.grad, rtol=1e-9, atol=1e-14)


def test_fixed_filters_are_left_out_and_say_which_networks_they_are_of(tmp_path):
  config = both.tiny('cut', load_size=(0, 0), ir_channels=3)
  nets = test_importing.save(tmp_path, config)
  arrays = dict(nets['rgb_to_ir'].state_dict())
  arrays |= {'model.7.filt': torch.ones(8, 1, 3, 3), 'model.14.filt': torch.ones(16, 1, 4, 4)}
  torch.save(arrays, tmp_path / 'latest_net_G.pth')
  (tmp_path / 'latest_net_F.pth').unlink()
  state, said = test_importing.import_(config, tmp_path)
  test_importing.same_weights(config, state, nets, ('rgb_to_ir', 'ir'))
  assert 'Projection projection_rgb' in said[-1] and 'an untrained projection' in said[-1]
  with pytest.raises(UserError, match='fits with --upsampling=bilinear --antialias[.]'):
    test_importing.import_(
      both.tiny('cut', load_size=(0, 0), ir_channels=3, antialias=False, upsampling='transposed'),
      tmp_path,
    )

"""PyTorch checkpoints as a training state: same weights and outputs, bad files are refused."""

import pickle

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.pytorch import importing, layouts, weights
from cyclegan_jax.models import apply, discriminators, generators, networks
from tests.parity import both, torch_networks
from tests.training import fresh

NAMES = {
  'udacity': {
    'rgb_to_ir': 'G_XtoY.pkl',
    'ir_to_rgb': 'G_YtoX.pkl',
    'rgb': 'D_X.pkl',
    'ir': 'D_Y.pkl',
  },
  'cyclegan': {
    'rgb_to_ir': 'latest_net_G_A.pth',
    'ir_to_rgb': 'latest_net_G_B.pth',
    'ir': 'latest_net_D_A.pth',
    'rgb': 'latest_net_D_B.pth',
  },
  'pix2pix': {'rgb_to_ir': 'latest_net_G.pth', 'ir': 'latest_net_D.pth'},
  'cut': {
    'rgb_to_ir': 'latest_net_G.pth',
    'ir': 'latest_net_D.pth',
    'projection_rgb': 'latest_net_F.pth',
  },
}
NAMES |= {'pix2pixhd': NAMES['pix2pix'], 'infragan': NAMES['pix2pix']}


def tiny(preset, **overrides):
  """Small networks, on images as they are."""
  return both.tiny(preset, load_size=(0, 0), **overrides)


def save(folder, config, names=None):
  """The PyTorch networks of a configuration and their files."""
  folder.mkdir(exist_ok=True)
  nets = both.torch_nets(config)
  for name, file in (names or NAMES[config.train.preset]).items():
    torch.save(nets[name].state_dict(), folder / file)
  return nets


def import_(config, folder, a_is='rgb', epoch=''):
  said = []
  return importing.import_state(config, folder, a_is, epoch, said.append), said


def initial(config):
  return fresh.state(config)


def same_weights(config, state, nets, names):
  for name in names:
    ours = weights.to_torch(config, name, state.params[name], state.batch_stats[name])
    theirs = both.numpy_dict(nets[name].state_dict())
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs), name


@pytest.mark.parametrize(
  'preset, ir_channels',
  [('udacity', 3), ('cyclegan', 1), ('cyclegan', 3), ('pix2pix', 1), ('cut', 1)],
)
def test_all_files_of_a_preset(tmp_path, preset, ir_channels):
  config = tiny(preset, ir_channels=ir_channels, ema_decay=0.9)
  nets = save(tmp_path, config)
  state, said = import_(config, tmp_path)
  same_weights(config, state, nets, nets)
  assert len(said) == len(nets)
  fresh = initial(config)
  assert jax.tree.structure(state) == jax.tree.structure(fresh)
  assert state.step == 0 and jax.tree.all(
    jax.tree.map(np.array_equal, state.opt_state, fresh.opt_state)
  )
  assert jax.tree.all(
    jax.tree.map(np.array_equal, state.ema, {name: state.params[name] for name in state.ema})
  )
  image = both.batches(config, 1)[0]['rgb'].astype(np.float32)
  ours = networks.build(config.model, make_domains(config.data))['rgb_to_ir']
  y = apply.translate(ours, state.ema['rgb_to_ir'], state.batch_stats['rgb_to_ir'], image)
  with torch.no_grad():
    want = nets['rgb_to_ir'].eval()(both.to_torch(image, torch.float32))
  np.testing.assert_allclose(y, want.numpy().transpose(0, 2, 3, 1), atol=1e-4)


def test_domain_a_may_be_ir(tmp_path):
  config = tiny('cyclegan')
  nets = save(
    tmp_path,
    config,
    {
      'ir_to_rgb': 'latest_net_G_A.pth',
      'rgb_to_ir': 'latest_net_G_B.pth',
      'rgb': 'latest_net_D_A.pth',
      'ir': 'latest_net_D_B.pth',
    },
  )
  same_weights(config, import_(config, tmp_path, 'ir')[0], nets, nets)
  with pytest.raises(UserError, match='other direction.*--a_is'):
    import_(config, tmp_path)
  with pytest.raises(UserError, match='--a_is=ir'):
    import_(tiny('pix2pix'), tmp_path, 'ir')


def test_discriminators_may_be_missing(tmp_path):
  config = tiny('udacity')
  names = {name: file for name, file in NAMES['udacity'].items() if name != 'ir'}
  nets = save(tmp_path, config, names)
  state, said = import_(config, tmp_path)
  same_weights(config, state, nets, names)
  fresh = initial(config).params['ir']
  assert jax.tree.all(jax.tree.map(np.allclose, state.params['ir'], fresh))
  assert 'D_Y.pkl is missing' in said[-1] and 'an untrained discriminator' in said[-1]


def test_epochs(tmp_path):
  config = tiny('cyclegan')
  for epoch in ('5', '10'):
    save(
      tmp_path,
      config,
      {name: file.replace('latest', epoch) for name, file in NAMES['cyclegan'].items()},
    )
  with pytest.raises(UserError, match='--epoch=latest is not in .*which has: 10, 5'):
    import_(config, tmp_path)
  with pytest.raises(UserError, match='--epoch=7 .*which has: 10, 5'):
    import_(config, tmp_path, epoch='7')
  assert '5_net_G_A.pth' in import_(config, tmp_path, epoch='5')[1][0]
  save(tmp_path, config)
  assert 'latest_net_G_A.pth' in import_(config, tmp_path)[1][0]
  with pytest.raises(UserError, match='no epoch'):
    import_(tiny('udacity'), tmp_path, epoch='5')


def test_what_published_files_carry_besides(tmp_path):
  config = tiny('cyclegan')
  nets = save(tmp_path, config)
  file = tmp_path / 'latest_net_G_A.pth'
  arrays = dict(nets['rgb_to_ir'].state_dict())
  arrays |= {
    'model.2.running_mean': torch.zeros(4),
    'model.2.running_var': torch.ones(4),
    'model.2.num_batches_tracked': torch.tensor(3),
  }
  # DataParallel, half precision, the file format before PyTorch 1.6.
  torch.save(
    {f'module.{key}': value.half() for key, value in arrays.items()},
    file,
    _use_new_zipfile_serialization=False,
  )
  state, _ = import_(config, tmp_path)
  same_weights(config, state, {'rgb_to_ir': nets['rgb_to_ir'].half().float()}, ['rgb_to_ir'])


def module(net, file):
  torch.save(net, file)


def truncated(net, file):
  torch.save(net.state_dict(), file)
  file.write_bytes(file.read_bytes()[:1000])


def truncated_old_format(net, file):
  torch.save(net.state_dict(), file, _use_new_zipfile_serialization=False)
  file.write_bytes(file.read_bytes()[:-1000])


def empty(net, file):
  file.write_bytes(b'')


def text(net, file):
  file.write_text('hello\n')


def pickled(net, file):
  file.write_bytes(pickle.dumps({'a': print}))


def nested(net, file):
  torch.save({'epoch': 3, 'state_dict': net.state_dict()}, file)


def tensor(net, file):
  torch.save(torch.zeros(3), file)


def not_finite(net, file):
  torch.save({key: value / 0 for key, value in net.state_dict().items()}, file)


@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
@pytest.mark.parametrize(
  'spoil, words',
  [
    (module, r'pickled tests\.parity\.torch_networks\.ResnetGenerator.*state_dict'),
    (truncated, 'damaged, incomplete'),
    (truncated_old_format, 'damaged, incomplete'),
    (empty, 'damaged, incomplete'),
    (text, 'damaged, incomplete'),
    (pickled, 'not a PyTorch file'),
    (nested, r'holds a dict \(epoch, state_dict\)'),
    (tensor, 'holds a Tensor'),
    (not_finite, 'not finite'),
  ],
)
def test_bad_files(tmp_path, spoil, words):
  config = tiny('cyclegan')
  nets = save(tmp_path, config)
  spoil(nets['ir_to_rgb'], tmp_path / 'latest_net_G_B.pth')
  with pytest.raises(UserError, match=words) as error:
    import_(config, tmp_path)
  assert 'latest_net_G_B.pth' in str(error.value)


@pytest.mark.parametrize(
  'preset, changed, words',
  [
    ('cyclegan', dict(ir_channels=3), r'model\.\d+\.weight has shape .* --ir_channels=3\.'),
    ('pix2pix', dict(ir_channels=3), r'has shape .*fits with --ir_channels=3\.'),
    ('udacity', dict(n_residual_blocks=3), r'res_blocks\.1.*fits with --n_residual_blocks=3\.'),
    ('cyclegan', dict(n_residual_blocks=0), r'fits with --n_residual_blocks=0\.'),
    ('cyclegan', dict(base_width=8), r'fits with --base_width=8\.'),
    (
      'cyclegan',
      dict(n_downsampling=3, base_width=2),
      r'fits with --base_width=2 --n_downsampling=3\.',
    ),
    ('udacity', dict(n_downsampling=3), r'fits with --n_downsampling=3\.'),
    ('pix2pix', dict(n_downsampling=6), r'fits with --n_downsampling=6\.'),
    ('cyclegan', dict(discriminator_width=8), r'model\.0\.weight.*--discriminator_width=8\.'),
    ('udacity', dict(discriminator_layers=2), r'fits with --discriminator_layers=2\.'),
    ('pix2pix', dict(discriminator_layers=3), r'fits with --discriminator_layers=3\.'),
  ],
)
def test_files_of_other_networks_say_which_flags_fit(tmp_path, preset, changed, words):
  save(tmp_path, tiny(preset, **changed))
  with pytest.raises(UserError, match=words) as error:
    import_(tiny(preset), tmp_path)
  assert NAMES[preset]['rgb_to_ir'].split('.')[-1] in str(error.value)


def test_files_of_another_kind(tmp_path):
  config = tiny('cyclegan')
  save(tmp_path, tiny('cyclegan'))
  udacity = torch_networks.UdacityGenerator(3, 1, width=8, blocks=1, depth=2)
  torch.save(udacity.state_dict(), tmp_path / 'latest_net_G_A.pth')
  with pytest.raises(UserError, match='--generator=udacity --base_width=8 --norm=batch'):
    import_(config, tmp_path)
  torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / 'latest_net_G_A.pth')
  with pytest.raises(UserError, match='is missing.*another kind of network'):
    import_(config, tmp_path)
  batch = torch_networks.PatchDiscriminator(1, width=4, depth=2, norm='batch')
  save(tmp_path, tiny('cyclegan'))
  torch.save(batch.state_dict(), tmp_path / 'latest_net_D_A.pth')
  with pytest.raises(UserError, match='fits with --norm=batch'):
    import_(config, tmp_path)
  with pytest.raises(UserError, match='--upsampling=resize'):
    import_(tiny('cyclegan', upsampling='resize'), tmp_path)
  with pytest.raises(UserError, match='--normalization=spectral_channels.*--normalization=plain'):
    import_(tiny('cyclegan', normalization='spectral_channels'), tmp_path)


def test_missing_generators(tmp_path):
  config = tiny('cyclegan')
  with pytest.raises(UserError, match='no .pth or .pkl file'):
    import_(config, tmp_path)
  save(tmp_path, config, {'rgb_to_ir': 'latest_net_G.pth'})
  with pytest.raises(
    UserError, match='no latest_net_G_A.pth and no latest_net_G_B.pth.*Found: latest_net_G.pth'
  ):
    import_(config, tmp_path)
  with pytest.raises(UserError, match='not a folder'):
    import_(config, tmp_path / 'nosuch')


def test_every_generator_is_known():
  assert layouts.GENERATORS.keys() == generators.GENERATORS.keys()
  without = {'multiscale', 'unet'}
  assert layouts.DISCRIMINATORS.keys() == discriminators.DISCRIMINATORS.keys() - without

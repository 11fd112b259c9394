"""Training steps against PyTorch: terms, gradients, and everything that a run keeps.

In float32 one step can be compared, not ten. Adam divides a gradient by its size: where that is
about its rounding error, a weight moves by up to the learning rate in a direction of chance, in
either program. With small instance-normed networks that is enough for two float32 runs of PyTorch
itself to part: after ten steps its cyclegan terms are 2 % from its own float64 ones.

In float64 the same ten steps agree to rounding, which leaves no room for another order, formula or
draw. What to expect: gradients carry a relative error e of some 1e-13 (1e-16 times the
amplification of ten steps); Adam's update of a weight is the rate times g / (|g| + 1e-8) in effect,
so an error d of a gradient moves a weight by at most rate * d / 1e-8 a step, whatever g is. With
gradients of size 10, d = 1e-12: at most 2e-4 * 1e-12 / 1e-8 * 10 = 2e-7, reached only where g is
itself below 1e-8. That is so for biases before an instance norm, which takes them away again: their
true gradient is 0. They are compared with this bound, and shown to change no output. All else moves
by rate * d / |g| and is compared with 1e-9.
"""

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')


from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.pytorch import weights as torch_weights
from cyclegan_jax.models import networks
from tests.parity import both, both_cut

pytestmark = pytest.mark.usefixtures('optimized')

STEPS = 10
# A learning rate with a schedule is a float32 number, 1e-8 beside PyTorch's: schedules are compared
# in test_parity.py.
CONSTANT = dict(decay_start=0, decay_epochs=0)
RUNS = {
  'udacity': ('udacity', {}),
  'udacity, supervised': ('udacity', dict(paired=True)),
  'cyclegan, pool, identity': ('cyclegan', dict(ir_channels=3, **CONSTANT)),
  'pix2pix, dropout': ('pix2pix', CONSTANT),
  'sparse': ('sparse', CONSTANT),
  'pix2pixhd': ('pix2pixhd', CONSTANT),
  # SSIM is float32 throughout.
  'infragan, no SSIM': ('infragan', dict(ssim_weight=0.0, **CONSTANT)),
  'cut': ('cut', CONSTANT),
  'fastcut': ('fastcut', CONSTANT),
  'dclgan': ('dclgan', CONSTANT),
  'dclgan, identity': ('dclgan', dict(ir_channels=3, **CONSTANT)),
}
LOSSES = (
  'adversarial',
  'cycle',
  'nce',
  'identity',
  'supervised',
  'feature_matching',
  'ssim',
  'gradient',
  'generator',
  'discriminator',
)
ADAM = {'mu': 'exp_avg', 'nu': 'exp_avg_sq'}


def our_arrays(config, state):
  """Parameters, running statistics and Adam's moments by network, in PyTorch's layout."""
  found = {'weights': {}, 'mu': {}, 'nu': {}}
  for name in state.params:
    convert = both.conversion(config, name)
    found['weights'][name] = convert.to_torch(
      config, name, state.params[name], state.batch_stats[name]
    )
    group = 'generators' if name in networks.generator_group(config.model) else 'discriminators'
    for moment in ADAM:
      tree = getattr(state.opt_state[group][0], moment)[name]
      found[moment][name] = convert.to_torch(config, name, tree)
  return found


def their_arrays(nets, optims):
  return {
    'weights': {name: both.numpy_dict(net.state_dict()) for name, net in nets.items()},
    **{moment: both.moments(nets, optims, name) for moment, name in ADAM.items()},
  }


def run(config, steps, seed=0):
  """Terms of every step, ours and theirs, and the arrays after the last one."""
  double = jax.config.jax_enable_x64
  nets = {name: net.double() if double else net for name, net in both.torch_nets(config).items()}
  # Ours is made of the same float32 values.
  state = both.state_of(config, nets)
  optims, data = both.torch_optimizers(config, nets), both.batches(config, steps, seed)
  theirs = list(both.their_steps(config, nets, optims, data))
  ours = []
  for after, terms in both.our_steps(config, state, data):
    state_after = after
    ours.append(terms)
  return ours, theirs, our_arrays(config, state_after), their_arrays(nets, optims), nets


def term_deviation(ours, theirs):
  """The largest relative difference of any term of any step."""
  worst = 0
  for mine, others in zip(ours, theirs, strict=True):
    wanted = {name for name in others if not name.endswith(('_real', '_fake'))}
    # Ours has figures beside the losses too.
    assert {
      name for name in mine if name.startswith(LOSSES) and not name.endswith('_norm')
    } == wanted
    worst = max([worst] + [abs(mine[name] / others[name] - 1) for name in wanted])
  return worst


def deviations(ours, theirs, kind, keep=lambda key: True):
  """The largest difference in each network; of moments, beside the network's largest."""
  found = {}
  for name, arrays in theirs[kind].items():
    mine = ours[kind][name]
    assert set(mine) == set(arrays)
    differences = [np.abs(mine[key] - arrays[key]).max() for key in arrays if keep(key)]
    scale = 1 if kind == 'weights' else max(np.abs(array).max() for array in arrays.values())
    found[name] = max(differences, default=0) / scale
  return found


def before_instance_norm(config, key):
  """Whether an array is a bias that an instance norm takes away again."""
  model = config.model
  if model.norm != 'instance' or not key.endswith('.bias') or key.startswith('mlp_'):
    return False
  if key.startswith('scales.'):
    return '.convs.' in key and '.convs.0.' not in key
  # The only biases that no norm follows, and those that PatchNCE sees before one.
  depth, layers, each = model.n_downsampling, model.discriminator_layers, 3 + model.antialias
  last = 4 + 2 * each * depth + model.n_residual_blocks + 1
  kept = [last, 0, each * layers + 2]
  kept += [4 + each * i for i in range(depth)] if model.projection_width else []
  return key not in [f'model.{i}.bias' for i in kept]


def deviations_of_gradients(config, seed):
  """Of one step on other batches: by network, and those of the norms of each group's gradient."""
  ours, theirs, mine, others, _ = run(config, 1, seed)
  assert term_deviation(ours, theirs) < 1e-5
  # After the first step Adam's first moment is (1 - b1) times the gradient.
  found = deviations(mine, others, 'mu')
  squared = {
    name: sum((array.astype(np.float64) ** 2).sum() for array in arrays.values())
    for name, arrays in others['mu'].items()
  }
  for group, names in [
    ('generator', networks.generator_group(config.model)),
    ('discriminator', networks.discriminators(config.model)),
  ]:
    norm = sum(squared[name] for name in names) ** 0.5 / (1 - config.train.beta1)
    found[group] = abs(ours[0][f'{group}_gradient_norm'] / norm - 1)
  return found


@pytest.mark.parametrize('preset', [*both.PRESETS, *both_cut.TINY])
def test_terms_and_gradients_of_one_step_in_float32(preset):
  config, least = both.tiny(preset), {}
  # A value that rounding puts on the other side of a ReLU's corner changes a gradient by more, in
  # one batch of five and on other machines in others. A mistake would change it in all.
  for seed in range(4):
    for name, deviation in deviations_of_gradients(config, seed).items():
      least[name] = min(least.get(name, np.inf), deviation)
    # Sums of thousands of products, each off by 6e-8, through a dozen layers.
    if max(least.values()) < 1e-4:
      break
  for name, deviation in least.items():
    assert deviation < 1e-4, name


@pytest.mark.slow
@pytest.mark.parametrize('name', RUNS)
def test_ten_steps_in_float64(name, record_property):
  preset, overrides = RUNS[name]
  config = both.tiny(preset, **overrides)
  with jax.enable_x64(True):
    ours, theirs, mine, others, _ = run(config, STEPS)
  found = {'terms': term_deviation(ours, theirs)}
  free = lambda key: before_instance_norm(config, key)
  found['weights and statistics'] = max(
    deviations(mine, others, 'weights', lambda key: not free(key)).values()
  )
  found['biases without effect'] = max(deviations(mine, others, 'weights', free).values())
  for moment in ADAM:
    found[moment] = max(deviations(mine, others, moment).values())
  print(f'\n{name}: ' + ', '.join(f'{what} {value:.1e}' for what, value in found.items()))
  for what, value in found.items():
    record_property(what, f'{value:.1e}')
    assert value < (2e-7 if what == 'biases without effect' else 1e-9), what
  assert ours[0] != ours[-1]


def test_biases_before_instance_norm_change_no_output():
  config = both.tiny('cyclegan')
  nets = both.torch_nets(config)
  state = both.state_of(config, nets)
  for name, net in networks.build(config.model, make_domains(config.data)).items():
    weights = torch_weights.to_torch(config, name, state.params[name])
    assert any(before_instance_norm(config, key) for key in weights)
    moved = {key: array + 0.5 * before_instance_norm(config, key) for key, array in weights.items()}
    channels = nets[name].model[1 if '_to_' in name else 0].in_channels
    image = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, channels))
    outputs = []
    with jax.enable_x64(True):
      for arrays in (weights, moved):
        params, stats = torch_weights.from_torch(config, name, arrays, name)
        params = jax.tree.map(lambda x: x.astype(np.float64), params)
        y, _ = net(params, stats, image, training=True)
        outputs.append(np.asarray(y if '_to_' in name else y.scores[0]))
    np.testing.assert_allclose(*outputs, atol=1e-10)

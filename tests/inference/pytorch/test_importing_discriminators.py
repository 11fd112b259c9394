"""PyTorch checkpoints whose discriminators cannot be imported, or are not wanted."""

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')

from tests.inference.pytorch.test_importing import import_, initial, same_weights, save, tiny


@pytest.mark.parametrize(
  'preset, changed, word',
  [
    ('pix2pixhd', {}, '--discriminator=multiscale cannot be imported'),
    ('infragan', {}, '--discriminator=unet with --spectral_norm cannot be imported'),
    ('pix2pix', dict(spectral_norm=True), '--discriminator=patchgan with --spectral_norm cannot'),
  ],
)
def test_discriminators_of_unknown_layout_keep_their_initial_weights(
  tmp_path, preset, changed, word
):
  nets = save(tmp_path, tiny(preset))
  config = tiny(preset, **changed)
  state, said = import_(config, tmp_path)
  same_weights(config, state, nets, ['rgb_to_ir'])
  fresh = initial(config)
  assert jax.tree.structure(state) == jax.tree.structure(fresh)
  assert jax.tree.all(jax.tree.map(np.allclose, state.params['ir'], fresh.params['ir']))
  assert word in said[-1] and 'an untrained discriminator' in said[-1]


def test_without_an_adversarial_term_no_discriminator_is_read(tmp_path):
  config = tiny('pix2pix', adversarial_weight=0.0)
  nets = save(tmp_path, tiny('pix2pix'))
  state, said = import_(config, tmp_path)
  same_weights(config, state, nets, ['rgb_to_ir'])
  assert len(said) == 1 and jax.tree.structure(state) == jax.tree.structure(initial(config))

"""Small PyTorch networks on one thread: more of them only wait for each other."""

import jax
import pytest


@pytest.fixture(autouse=True)
def one_torch_thread():
  """Other tests keep their number of threads."""
  torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
  before = torch.get_num_threads()
  torch.set_num_threads(1)
  yield
  torch.set_num_threads(before)


@pytest.fixture(scope='module')
def optimized():
  """Programs are compiled as users' are."""
  jax.config.update('jax_disable_most_optimizations', False)
  yield
  jax.config.update('jax_disable_most_optimizations', True)

"""Small PyTorch networks on one thread: more of them only wait for each other."""

import pytest


@pytest.fixture(autouse=True)
def one_torch_thread():
  """Other tests keep their number of threads."""
  torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
  before = torch.get_num_threads()
  torch.set_num_threads(1)
  yield
  torch.set_num_threads(before)

"""What tests of the builders share."""

import pytest
import tensorflow_datasets as tfds


@pytest.fixture(scope='module')
def no_progress_bars():
  tfds.disable_progress_bar()
  yield
  tfds.enable_progress_bar()

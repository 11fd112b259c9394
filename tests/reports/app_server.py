"""The try-out page with a model that takes the red channel, served by a thread."""

import contextlib
import io

import numpy as np
import PIL.Image

from cyclegan_jax.inference.app import server
from cyclegan_jax.inference.app.content import Content
from tests.inference.app import serving

COLOR = (200, 60, 20)


def painted(image, levels):
  """The red channel, or the gray level that a slider commands."""
  return np.full_like(image[..., :1], levels['sky']) if levels else image[..., :1]


def png(pixels):
  """A PNG file."""
  buffer = io.BytesIO()
  PIL.Image.fromarray(pixels).save(buffer, 'PNG')
  return buffer.getvalue()


@contextlib.contextmanager
def served(translate=painted, **content):
  """The address of a page."""
  shown = {'title': 'run: RGB to IR', 'about': 'A model.', **content}
  with serving.served(server.make(translate, Content(**shown), 50_000)) as port:
    yield f'http://127.0.0.1:{port}/'

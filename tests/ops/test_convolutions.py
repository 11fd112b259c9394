"""Convolutions and their gradients against the definition, summed up in numpy, and PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax.ops import by_winograd, convolutions, im2col


def strided(x, kernel, stride, padding):
  """Each output pixel is the sum of what its window holds times the kernel."""
  k = kernel.shape[0]
  x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
  height, width = ((n - k) // stride + 1 for n in x.shape[1:3])
  return np.stack(
    [
      np.stack(
        [
          np.einsum(
            'nijc,ijco->no', x[:, a * stride : a * stride + k, b * stride : b * stride + k], kernel
          )
          for b in range(width)
        ],
        1,
      )
      for a in range(height)
    ],
    1,
  )


def transposed(x, kernel, stride, padding, output_padding):
  """Each input pixel adds its kernel, scaled, to the output."""
  k, (batch, height, width, _) = kernel.shape[0], x.shape
  y = np.zeros(
    (
      batch,
      (height - 1) * stride + k + output_padding,
      (width - 1) * stride + k + output_padding,
      kernel.shape[2],
    )
  )
  for a in range(height):
    for b in range(width):
      y[:, a * stride : a * stride + k, b * stride : b * stride + k] += np.einsum(
        'nc,ijoc->nijo', x[:, a, b], kernel
      )
  return y[:, padding : y.shape[1] - padding, padding : y.shape[2] - padding]


def check(ours, definition, x, kernel):
  """Values, and gradients by what defines them: the map is linear in either argument."""
  with jax.enable_x64(True):
    y = jax.jit(ours)(x, kernel)
    np.testing.assert_allclose(y, definition(x, kernel), atol=1e-12)
    rng = np.random.default_rng(1)
    g = rng.normal(size=y.shape)
    gradients = jax.jit(lambda *a: jax.vjp(ours, *a[:2])[1](a[2]))(x, kernel, g)
    for _ in range(3):
      u, v = rng.normal(size=x.shape), rng.normal(size=kernel.shape)
      np.testing.assert_allclose(np.vdot(u, gradients[0]), np.vdot(g, definition(u, kernel)))
      np.testing.assert_allclose(np.vdot(v, gradients[1]), np.vdot(g, definition(x, v)))


def drawn(*shapes):
  rng = np.random.default_rng(0)
  return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize('few', (0, 10**6))
@pytest.mark.parametrize(
  'k, stride, padding, height, width',
  [
    (4, 2, 1, 8, 6),
    (4, 2, 1, 3, 2),
    (4, 2, 1, 7, 5),
    (3, 2, 1, 6, 8),
    (3, 2, 1, 5, 4),
    (4, 1, 1, 4, 5),
    (3, 3, 0, 8, 7),
    (2, 2, 0, 2, 5),
    (5, 2, 2, 1, 6),
    (1, 1, 0, 5, 6),
    (3, 1, 0, 9, 8),
    (7, 1, 0, 9, 8),
  ],
)
def test_strided(monkeypatch, few, k, stride, padding, height, width):
  monkeypatch.setattr(convolutions, '_FEW_POSITIONS', few)
  x, kernel = drawn((2, height, width, 3), (k, k, 3, 2))
  check(
    lambda x, kernel: convolutions.strided(x, kernel, stride, padding),
    lambda x, kernel: strided(x, kernel, stride, padding),
    x,
    kernel,
  )


# In turn: by dilation, one image at a time; by products, of one image or all.
@pytest.mark.parametrize('most, few', ((0, 0), (15_000, 0), (10**9, 0), (10**9, 10**6)))
@pytest.mark.parametrize(
  'k, stride, padding, output_padding, height, width',
  [
    (4, 2, 1, 0, 5, 6),
    (4, 2, 1, 0, 1, 1),
    (3, 2, 1, 1, 4, 3),
    (3, 1, 1, 0, 5, 6),
    (3, 2, 0, 0, 5, 6),
    (5, 3, 2, 1, 2, 3),
  ],
)
def test_transposed(monkeypatch, most, few, k, stride, padding, output_padding, height, width):
  monkeypatch.setattr(im2col, 'CACHE_BYTES', most)
  monkeypatch.setattr(convolutions, '_FEW_POSITIONS', few)
  x, kernel = drawn((2, height, width, 2), (k, k, 3, 2))
  check(
    lambda x, kernel: convolutions.transposed(x, kernel, stride, padding, output_padding),
    lambda x, kernel: transposed(x, kernel, stride, padding, output_padding),
    x,
    kernel,
  )


@pytest.mark.parametrize('most', (5_000, 10**9))
@pytest.mark.parametrize('k, padding', ((3, 1), (4, 1), (7, 0), (1, 0)))
def test_strided_to_and_from_few_channels(monkeypatch, k, padding, most):
  monkeypatch.setattr(convolutions, '_FEW_POSITIONS', 0)
  monkeypatch.setattr(im2col, 'CACHE_BYTES', most)
  for channels in ((25, 2), (2, 25)):
    x, kernel = drawn((2, 8, 9, channels[0]), (k, k, *channels))
    check(
      lambda x, kernel: convolutions.strided(x, kernel, 1, padding),
      lambda x, kernel: strided(x, kernel, 1, padding),
      x,
      kernel,
    )


# One image, or both, at a time.
@pytest.mark.parametrize('most', (5_000, 10**9))
@pytest.mark.parametrize('k, padding', ((3, 1), (3, 0), (4, 1)))
def test_strided_after_winograd(monkeypatch, k, padding, most):
  monkeypatch.setattr(convolutions, '_FEW_POSITIONS', 0)
  monkeypatch.setattr(by_winograd, '_CHANNELS', 2)
  monkeypatch.setattr(im2col, 'CACHE_BYTES', most)
  x, kernel = drawn((2, 6, 9, 2), (k, k, 2, 3))
  ours = lambda x, kernel: convolutions.strided(x, kernel, 1, padding)
  check(ours, lambda x, kernel: strided(x, kernel, 1, padding), x, kernel)
  with jax.enable_x64(True):
    assert 'dot_general' in str(jax.make_jaxpr(ours)(x, kernel))


@pytest.fixture
def folding(monkeypatch):
  """4x4 convolutions of stride 2 and any size are taken by Winograd."""
  monkeypatch.setattr(convolutions, '_FEW_POSITIONS', 0)
  for name in ('_CHANNELS', '_FOLDED_CHANNELS', '_FOLDED_POSITIONS'):
    monkeypatch.setattr(by_winograd, name, 2)


# One image, or both, at a time. An odd number of positions, an even one, and an image that is odd.
@pytest.mark.usefixtures('folding')
@pytest.mark.parametrize('most', (5_000, 10**9))
@pytest.mark.parametrize('height, width, folded', ((6, 12, True), (2, 8, True), (7, 8, False)))
def test_stride_2_after_winograd(monkeypatch, height, width, folded, most):
  monkeypatch.setattr(im2col, 'CACHE_BYTES', most)
  x, kernel = drawn((2, height, width, 2), (4, 4, 2, 3))
  ours = lambda x, kernel: convolutions.strided(x, kernel, 2, 1)
  check(ours, lambda x, kernel: strided(x, kernel, 2, 1), x, kernel)
  y, _ = drawn((2, height // 2, width // 2, 3), ())
  back = lambda y, kernel: convolutions.transposed(y, kernel, 2, 1)
  check(back, lambda y, kernel: transposed(y, kernel, 2, 1, 0), y, kernel)
  with jax.enable_x64(True):
    assert ('dot_general' in str(jax.make_jaxpr(ours)(x, kernel))) == folded


@pytest.mark.usefixtures('folding')
def test_stride_2_in_float32_is_rounded_about_as_by_lax():
  x, kernel = drawn((1, 32, 32, 64), (4, 4, 64, 64))
  want = strided(x, kernel, 2, 1)

  def error(function):
    y = function(*(jnp.asarray(a, jnp.float32) for a in (x, kernel)))
    return np.sqrt(np.mean((np.asarray(y, np.float64) - want) ** 2))

  plain = lambda x, kernel: convolutions._plain(x, kernel, 2, 1)
  assert error(lambda x, kernel: convolutions.strided(x, kernel, 2, 1)) < 3 * error(plain)


@pytest.mark.parametrize('ways', ('usual', 'folding'))
@pytest.mark.parametrize(
  'function, channels, kernel',
  [
    (lambda x, w: convolutions.strided(x, w, 2, 1), 3, (4, 4, 3, 2)),
    (lambda x, w: convolutions.transposed(x, w, 2, 1), 3, (4, 4, 2, 3)),
    (lambda x, w: convolutions.transposed(x, w, 2, 1, 1), 3, (3, 3, 2, 3)),
    (lambda x, w: convolutions.strided(x, w, 2, 1), 2, (4, 4, 2, 3)),
    (lambda x, w: convolutions.strided(x, w, 1, 0), 3, (7, 7, 3, 2)),
    (lambda x, w: convolutions.strided(x, w, 1, 1), 64, (3, 3, 64, 64)),
    (lambda x, w: convolutions.strided(x, w, 1, 1), 64, (4, 4, 64, 1)),
  ],
)
def test_other_platforms_get_plain_convolutions(request, ways, function, channels, kernel):
  if ways == 'folding':
    request.getfixturevalue('folding')

  def loss(x, w):
    return (function(x, w) ** 2).sum()

  x, w = (a.astype(np.float32) for a in drawn((2, 8, 12, channels), kernel))
  text = jax.export.export(jax.jit(jax.grad(loss, (0, 1))), platforms=('cuda',))(x, w).mlir_module()
  assert 'stablehlo.dot_general' not in text and text.count('stablehlo.convolution') == 3


@pytest.mark.parametrize('k, output_padding', ((4, 0), (3, 1)))
def test_transposed_of_torch(k, output_padding):
  torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
  x, weight = (a.astype(np.float32) for a in drawn((2, 5, 6, 3), (3, 2, k, k)))
  want = torch.nn.functional.conv_transpose2d(
    torch.tensor(x.transpose(0, 3, 1, 2)),
    torch.tensor(weight),
    stride=2,
    padding=1,
    output_padding=output_padding,
  )
  got = convolutions.transposed(x, jnp.asarray(weight.transpose(2, 3, 1, 0)), 2, 1, output_padding)
  np.testing.assert_allclose(got, want.numpy().transpose(0, 2, 3, 1), atol=1e-4)

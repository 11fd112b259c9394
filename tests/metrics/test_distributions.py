"""Frechet and kernel distances against scipy's matrix root and sums written out."""

import numpy as np
import pytest
import scipy.linalg

from cyclegan_jax.metrics import distributions


def samples(n, m, features, seed=0):
  rng = np.random.default_rng(seed)
  mixing = rng.normal(size=(2, features, features))
  return (
    rng.normal(size=(n, features)) @ mixing[0],
    rng.normal(size=(m, features)) @ mixing[1] + rng.normal(size=features),
  )


def frechet(a, b):
  """As in the papers; the root of a product that has full rank."""
  root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
  return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(
    np.cov(a.T) + np.cov(b.T) - 2 * np.real(root)
  )


@pytest.mark.parametrize('n, m, features', [(40, 40, 6), (200, 90, 20)])
def test_frechet_distance_equals_scipys_root(n, m, features):
  a, b = samples(n, m, features)
  assert distributions.frechet_distance(a, b) == pytest.approx(frechet(a, b), rel=1e-9)


def test_frechet_distance_of_few_samples():
  # Rank-deficient: the root's trace from eigenvalues, most of which are 0.
  a, b = samples(5, 7, 30)
  eigenvalues = np.linalg.eigvals(np.cov(a.T) @ np.cov(b.T))
  root = np.sort(np.real(np.sqrt(eigenvalues.astype(complex))))[-4:].sum()
  expected = (
    np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * root
  )
  assert distributions.frechet_distance(a, b) == pytest.approx(expected, rel=1e-7)
  assert distributions.frechet_distance(a, a) == pytest.approx(0, abs=1e-8 * expected)
  assert np.isnan(distributions.frechet_distance(a[:1], b))
  # Of one point each time, the distance of the means remains.
  a, b = np.repeat(a[:1], 3, 0), np.repeat(b[:1], 3, 0)
  assert distributions.frechet_distance(a, b) == pytest.approx(np.sum((a[0] - b[0]) ** 2))


def discrepancy(x, y):
  """The unbiased estimate, pair by pair."""

  def kernel(u, v):
    return (u @ v / len(u) + 1) ** 3

  n = len(x)
  within = sum(kernel(s[i], s[j]) for s in (x, y) for i in range(n) for j in range(n) if i != j)
  across = sum(kernel(u, v) for u in x for v in y)
  return within / (n * (n - 1)) - 2 * across / n**2


def test_kernel_distance_equals_its_sums():
  a, b = samples(9, 9, 12)
  rng = np.random.default_rng(3)
  drawn = [
    discrepancy(a[rng.choice(9, 4, replace=False)], b[rng.choice(9, 4, replace=False)])
    for _ in range(100)
  ]
  mean, deviation = distributions.kernel_distance(a, b, seed=3)
  assert mean == pytest.approx(np.mean(drawn), rel=1e-9)
  assert deviation == pytest.approx(np.std(drawn, ddof=1), rel=1e-9)
  assert np.isnan(distributions.kernel_distance(a[:3], b[:3])).all()


def test_kernel_distance_is_unbiased():
  rng = np.random.default_rng(0)
  same = [distributions.kernel_distance(*rng.normal(size=(2, 30, 4)), seed=i)[0] for i in range(40)]
  assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(40)
  shifted = distributions.kernel_distance(rng.normal(size=(30, 4)), rng.normal(size=(30, 4)) + 1)
  assert shifted[0] > 10 * np.std(same)


@pytest.mark.parametrize('n, size', [(4, 2), (80, 40), (1999, 999), (50000, 1000)])
def test_subsets_are_half_of_the_images_up_to_a_thousand(n, size):
  assert distributions.subset_size(n) == size


@pytest.mark.parametrize('chunk', [4, 256])
def test_nearest_rows_are_those_of_all_distances(monkeypatch, chunk):
  monkeypatch.setattr(distributions, '_CHUNK', chunk)
  rng = np.random.default_rng(0)
  # Far from 0: distances would be lost to rounding without centering.
  rows, queries = ((1e4 + rng.normal(size=(n, 20))).astype(np.float32) for n in (30, 11))
  distances = np.linalg.norm(queries[:, None].astype(np.float64) - rows, axis=2)
  known = distributions.NearestRows(rows)
  np.testing.assert_array_equal(known.find(queries), distances.argmin(1))
  excluded = distances == distances.min(1, keepdims=True)
  np.testing.assert_array_equal(known.find(queries, excluded), distances.argsort(1)[:, 1])
  np.testing.assert_array_equal(known.find(rows), np.arange(30))
  assert known.find(queries[:0]).shape == (0,)

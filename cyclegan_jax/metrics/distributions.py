"""Collections of feature vectors: distances between two of them, and nearest neighbors."""

import numpy as np

# KID as published (Binkowski et al. 2018).
SUBSETS = 100
LARGEST_SUBSET = 1000
# Rows of a distance matrix held at once: 256 x 10,000 float32 are 10 MB.
_CHUNK = 256


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
  """Computes the squared Frechet distance of the Gaussians with two samples' moments.

  |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) for means m and covariances C (over n - 1): FID
  if the vectors are Inception features (Heusel et al. 2017). The trace of the root is the sum of
  the singular values of F_a F_b^T for any F with F^T F = C: exact even where covariances are
  rank-deficient, as they are with no more samples than features. The samples are [n, features]; NaN
  if one has fewer than 2 vectors.
  """
  if min(len(a), len(b)) < 2:
    return float('nan')
  a, b = a.astype(np.float64), b.astype(np.float64)
  factor_a, factor_b = _factor(a), _factor(b)
  root = np.linalg.norm(factor_a @ factor_b.T, 'nuc')
  spread = np.square(factor_a).sum() + np.square(factor_b).sum()
  return float(np.square(a.mean(0) - b.mean(0)).sum() + spread - 2 * root)


def _factor(sample: np.ndarray) -> np.ndarray:
  """F with F^T F the covariance, and no more rows than columns."""
  centered = sample - sample.mean(0)
  if centered.shape[0] > centered.shape[1]:
    centered = np.linalg.qr(centered, mode='r')
  return centered / np.sqrt(len(sample) - 1)


def subset_size(n: int) -> int:
  """Returns the images per subset of `kernel_distance` for n images: half of them, or 1000."""
  return min(LARGEST_SUBSET, n // 2)


def kernel_distance(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float]:
  """Computes KID, the squared maximum mean discrepancy with the kernel (x.y / features + 1)^3.

  It is the unbiased estimate over 100 random subsets of both samples [n, features], drawn without
  replacement, and may be negative. Returns its mean and standard deviation over the subsets; NaN if
  a sample has fewer than 4 vectors.
  """
  size = subset_size(min(len(a), len(b)))
  if size < 2:
    return float('nan'), float('nan')
  a, b = a.astype(np.float64), b.astype(np.float64)
  generator = np.random.default_rng(seed)
  estimates = [
    _discrepancy(*(sample[generator.choice(len(sample), size, replace=False)] for sample in (a, b)))
    for _ in range(SUBSETS)
  ]
  return float(np.mean(estimates)), float(np.std(estimates, ddof=1))


def _discrepancy(x: np.ndarray, y: np.ndarray) -> float:
  n, features = x.shape
  kernel = lambda a, b: (a @ b.T / features + 1) ** 3
  within = kernel(x, x) + kernel(y, y)
  return (within.sum() - np.trace(within)) / (n * (n - 1)) - 2 * kernel(x, y).mean()


class NearestRows:
  """Exact search for the row with the smallest Euclidean distance."""

  def __init__(self, rows: np.ndarray):
    """Prepares float32 rows [n, features], n at least 1, for the search."""
    # Around the mean of the rows the products in `find` are small, and lose less to rounding.
    self._center = rows.mean(0, dtype=np.float64).astype(np.float32)
    self._rows = rows - self._center
    self._squares = np.einsum('ij,ij->i', self._rows, self._rows)

  def find(self, queries: np.ndarray, excluded: np.ndarray | None = None) -> np.ndarray:
    """Returns the index, int [m], of the row nearest to each query, float32 [m, features].

    `excluded`, bool [m, n], marks rows that are not to be found for a query.
    """
    nearest = np.empty(len(queries), np.intp)
    for start in range(0, len(queries), _CHUNK):
      chunk = slice(start, start + _CHUNK)
      # |a - b|^2 without |a|^2, which does not change which b is nearest.
      distances = self._squares - 2 * (queries[chunk] - self._center) @ self._rows.T
      if excluded is not None:
        distances[excluded[chunk]] = np.inf
      nearest[chunk] = distances.argmin(1)
    return nearest

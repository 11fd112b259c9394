"""Distances between two collections of feature vectors: Frechet's, and the kernel one."""

import numpy as np

# KID as published (Binkowski et al. 2018): means over subsets of this size, if there are enough.
SUBSETS = 100
LARGEST_SUBSET = 1000


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
  """Squared Frechet distance of the Gaussians with the means and covariances of two samples.

  |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), FID where the vectors are Inception features
  (Heusel et al. 2017). Covariances are divided by n - 1. The trace of the root is the sum of the
  singular values of F_a F_b^T for any F with F^T F = C, which stays exact where covariances are
  rank-deficient, as they are with no more samples than features.

  Args:
    a: [n, features], n at least 2.
    b: [m, features], m at least 2.

  Returns:
    The distance, at least 0 up to rounding; NaN with fewer samples than 2.
  """
  if min(len(a), len(b)) < 2:
    return float('nan')
  a, b = a.astype(np.float64), b.astype(np.float64)
  factors = [_factor(sample) for sample in (a, b)]
  root = np.linalg.norm(factors[0] @ factors[1].T, 'nuc')
  spread = sum(np.square(factor).sum() for factor in factors)
  return float(np.square(a.mean(0) - b.mean(0)).sum() + spread - 2 * root)


def _factor(sample: np.ndarray) -> np.ndarray:
  """F with F^T F the covariance, and no more rows than columns."""
  centered = sample - sample.mean(0)
  if centered.shape[0] > centered.shape[1]:
    centered = np.linalg.qr(centered, mode='r')
  return centered / np.sqrt(len(sample) - 1)


def subset_size(n: int) -> int:
  """Images per subset of `kernel_distance` if there are n: half of them, or 1000."""
  return min(LARGEST_SUBSET, n // 2)


def kernel_distance(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float]:
  """Squared maximum mean discrepancy with the kernel (x.y / features + 1)^3: KID.

  The unbiased estimate, of 100 random subsets of both samples, drawn without replacement. It may
  be negative.

  Args:
    a: [n, features].
    b: [n, features].
    seed: of the subsets.

  Returns:
    Mean and standard deviation over the subsets; NaN with fewer samples than 4.
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
  within = 0.0
  for sample in (x, y):
    kernel = (sample @ sample.T / features + 1) ** 3
    within += (kernel.sum() - np.trace(kernel)) / (n * (n - 1))
  return within - 2 * np.mean((x @ y.T / features + 1) ** 3)

"""Intervals and tests against closed forms, scipy, and simulations."""

import itertools

import numpy as np
import pytest
from scipy import stats

from cyclegan_jax.metrics import statistics


def drawn(rng, n_clusters, mean=1.0, between=1.0, within=0.2, size=5):
  """Differences of images in clusters whose own means scatter."""
  centers = mean + between * rng.standard_normal(n_clusters)
  differences = np.repeat(centers, size) + within * rng.standard_normal(n_clusters * size)
  return differences, np.repeat(np.arange(n_clusters), size).astype(str)


def test_single_images_as_clusters_give_scipys_interval():
  differences = np.random.default_rng(1).exponential(size=40)
  found = statistics.clustered_interval(differences, np.arange(40))
  expected = stats.bootstrap(
    (differences,), np.mean, method='BCa', n_resamples=20000, rng=np.random.default_rng(5)
  ).confidence_interval
  assert found.mean == pytest.approx(differences.mean())
  assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.06)
  assert found.n == found.n_clusters == 40 and not found.problem


def test_interval_is_nearly_the_normal_one_where_that_holds():
  rng = np.random.default_rng(0)
  differences, clusters = drawn(rng, 200)
  means = differences.reshape(200, 5).mean(1)
  half = 1.96 * means.std(ddof=1) / np.sqrt(200)
  found = statistics.clustered_interval(differences, clusters)
  assert (found.low, found.high) == pytest.approx(
    (means.mean() - half, means.mean() + half), abs=0.1 * half
  )


def test_unequal_clusters_count_by_their_size():
  differences = np.array([1.0] * 8 + [3.0] + [5.0])
  clusters = ['a'] * 8 + ['b', 'c']
  found = statistics.clustered_interval(differences, clusters)
  assert found.mean == pytest.approx(1.6) and found.n_clusters == 3
  # Every resample lies between the smallest and the largest cluster mean.
  assert 1 <= found.low < 1.6 < found.high <= 5


def test_copies_of_an_image_in_its_cluster_add_nothing():
  rng = np.random.default_rng(3)
  values = rng.standard_normal(12)
  once = statistics.clustered_interval(values, np.arange(12))
  often = statistics.clustered_interval(np.repeat(values, 50), np.repeat(np.arange(12), 50))
  assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=0.01)
  assert often.n == 600 and often.n_clusters == 12


@pytest.mark.parametrize('shift, scale', [(5.0, 1.0), (0.0, -2.0), (-3.0, 0.5)])
def test_interval_moves_with_the_data(shift, scale):
  differences, clusters = drawn(np.random.default_rng(4), 15)
  a = statistics.clustered_interval(differences, clusters)
  b = statistics.clustered_interval(scale * differences + shift, clusters)
  ends = sorted(scale * end + shift for end in (a.low, a.high))
  assert (b.low, b.high) == pytest.approx(ends, rel=0.05, abs=0.05)


def test_interval_covers_as_often_as_it_says():
  rng = np.random.default_rng(2)
  hits = 0
  for seed in range(150):
    found = statistics.clustered_interval(*drawn(rng, 25), seed=seed)
    hits += found.low <= 1.0 <= found.high
  # 95 % of 150 is 142.5 +- 2.7; with 25 clusters the bootstrap covers about 93 %.
  assert 130 <= hits <= 149


def test_ignoring_clusters_covers_far_too_rarely():
  rng = np.random.default_rng(2)
  hits = 0
  for seed in range(60):
    differences, _ = drawn(rng, 25, size=20)
    found = statistics.clustered_interval(differences, np.arange(500).astype(str), seed=seed)
    hits += found.low <= 1.0 <= found.high
  assert hits < 40


@pytest.mark.parametrize(
  'differences, clusters, words',
  [
    ([1.0, 2.0, 3.0], ['a', 'a', 'b'], '2 sequences'),
    ([1.0], ['a'], '1 sequence;'),
    ([0.0] * 6, list('aabbcc'), 'same amount'),
    ([0.1] * 6, list('aabbcc'), 'same amount'),
  ],
)
def test_no_interval_with_its_reason(differences, clusters, words):
  found = statistics.clustered_interval(np.array(differences), clusters)
  assert found.low is None and found.high is None and words in found.problem
  assert found.mean == pytest.approx(np.mean(differences))


@pytest.mark.parametrize(
  'differences, clusters',
  [([], []), ([1.0], ['a', 'b']), ([np.nan, 1.0], ['a', 'b']), ([[1.0]], ['a'])],
)
def test_interval_refuses(differences, clusters):
  with pytest.raises(ValueError):
    statistics.clustered_interval(np.array(differences), clusters)


def test_equal_arguments_give_the_equal_interval():
  differences, clusters = drawn(np.random.default_rng(6), 10)
  assert statistics.clustered_interval(differences, clusters) == (
    statistics.clustered_interval(differences, clusters)
  )


@pytest.mark.parametrize('n', [2, 3, 6, 9])
def test_sign_flips_against_enumeration_and_scipy(n):
  differences = np.random.default_rng(n).normal(0.4, 1, n)
  observed = abs(differences.mean())
  flipped = [abs(np.dot(signs, differences)) / n for signs in itertools.product([1, -1], repeat=n)]
  expected = np.mean([value >= observed - 1e-12 for value in flipped])
  scipys = stats.permutation_test(
    (differences,), np.mean, permutation_type='samples', n_resamples=np.inf
  ).pvalue
  assert (
    statistics.sign_flip_test(differences) == pytest.approx(expected) == (pytest.approx(scipys))
  )


@pytest.mark.parametrize('n', [2, 3, 6, 12, 20])
def test_all_of_one_sign_gives_the_least_p(n):
  differences = np.random.default_rng(0).uniform(0.1, 1, n)
  for sign in (1, -1):
    assert statistics.sign_flip_test(sign * differences) == statistics.least_p(n) == 2 / 2**n


def test_sign_flips_with_ties_and_zeros():
  # 0.1 + 0.2 - 0.3 is not 0 in floating point; of 8 choices all but two are at least as far as 0.
  assert statistics.sign_flip_test([0.1, 0.2, -0.3]) == 1
  assert statistics.sign_flip_test([0.0, 0.0, 0.0]) == 1
  assert statistics.sign_flip_test([1.0, 1.0, 1.0, -1.0]) == pytest.approx(10 / 16)


def test_many_seeds_are_sampled():
  rng = np.random.default_rng(0)
  differences = rng.normal(0.3, 1, 30)
  assert statistics.sign_flip_test(differences) == pytest.approx(
    stats.ttest_1samp(differences, 0).pvalue, abs=0.02
  )


def test_sign_flips_reject_as_often_as_they_say():
  rng = np.random.default_rng(1)
  p = np.array([statistics.sign_flip_test(rng.standard_normal(6)) for _ in range(1000)])
  # All 32 possible values, the multiples of 2/64, are equally likely.
  assert np.mean(p <= 4 / 64) == pytest.approx(1 / 16, abs=0.025)


def test_too_few_seeds_say_nothing():
  assert statistics.sign_flip_test([1.0]) is None and statistics.sign_flip_test([]) is None
  with pytest.raises(ValueError):
    statistics.sign_flip_test([1.0, np.nan])


def test_holm():
  # Holm 1979's steps by hand: 0.01 * 4, 0.02 * 3, then max(0.06, 0.03 * 2), max(0.06, 0.04).
  assert statistics.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
  assert statistics.holm([0.5, 0.9]) == [1.0, 1.0]
  assert statistics.holm([0.04]) == [0.04] and statistics.holm([]) == []


def test_holm_counts_comparisons_without_a_p():
  assert statistics.holm([None, 0.01, 0.02]) == [None, pytest.approx(0.03), pytest.approx(0.04)]


def test_holm_keeps_the_family_wise_error():
  p = np.random.default_rng(0).uniform(size=(2000, 5))
  wrong = np.mean([min(statistics.holm(row)) <= 0.05 for row in p])
  assert wrong == pytest.approx(0.05, abs=0.015)


def test_what_seeds_can_show():
  assert [statistics.least_p(n) for n in (0, 1, 2, 3, 6)] == [1, 1, 0.5, 0.25, 1 / 32]
  for m in range(1, 40):
    n = statistics.seeds_needed(m)
    assert m * statistics.least_p(n) <= 0.05 < m * statistics.least_p(n - 1)

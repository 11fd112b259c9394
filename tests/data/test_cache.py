"""Decoded images in memory: nothing changes but how often images are decoded."""

import collections
from concurrent import futures
import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest

from cyclegan_jax import memory
from cyclegan_jax.data import cache, pipeline, record_images
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.training.step import parallel

SIZE, N = (24, 32), 13
CONFIG = DataConfig(paired=True, image_size=(16, 20), load_size=(18, 24), flip=True)
ALL, NONE = 1.0, 0.0
# Threads of an earlier test may still read ahead: no two data sets have a record's id in common.
NUMBERS = itertools.count()
KINDS = {'plain': {}, '16 bit': {'deep': True}, 'masks': {'masked': True}}


def dataset(deep=False, masked=False, kind='plain'):
  """Noise, RGB of 8 bits, IR perhaps of 16, a mask of its own for each record."""
  rng, number = np.random.default_rng(0), next(NUMBERS)
  dtype = np.uint16 if deep else np.uint8
  max_values = {'rgb': 255.0, 'ir': float(np.iinfo(dtype).max)}
  records = []
  for i in range(N):
    noise = {
      'rgb': rng.integers(0, 256, (*SIZE, 3), np.uint8),
      'ir': rng.integers(0, max_values['ir'] + 1, (*SIZE, 1), dtype),
    }
    if masked:
      noise['mask'] = np.full((*SIZE, 1), 255, np.uint8)
      noise['mask'][:, i : i + 6] = 0
    records.append(
      {
        **{name: images.encode_png(pixels) for name, pixels in noise.items()},
        'id': f'{number}/{i}'.encode(),
        'sequence': b's',
      }
    )
  domains = make_domains(DataConfig(normalization=kind), max_values)
  return Dataset(
    'x',
    'x',
    'x',
    domains,
    {'train': Split('train', records, records, aligned=True)},
    has_mask=masked,
  )


def stream(data, config, gib, **options):
  return iter(
    pipeline.batches(
      data, dataclasses.replace(config, cache_gib=gib), 4, parallel.sharding(), **options
    )
  )


def take(iterator, n):
  return [
    {key: np.asarray(x).reshape(4, *x.shape[2:]) for key, x in next(iterator).items()}
    for _ in range(n)
  ]


def assert_equal(batches, others):
  assert len(batches) == len(others)
  for batch, other in zip(batches, others):
    assert batch.keys() == other.keys()
    for key, x in batch.items():
      assert x.dtype == other[key].dtype
      np.testing.assert_array_equal(x, other[key])


@pytest.fixture
def decoded(monkeypatch):
  """How often images are read, by the record's id."""
  counts, read, lock = collections.Counter(), images.read_image, threading.Lock()

  def counting(source, name=None):
    with lock:
      counts[name] += 1
    return read(source, name)

  monkeypatch.setattr(images, 'read_image', counting)
  return counts


def of_records(counts, data):
  return [counts[record['id'].decode()] for record in data.splits['train'].rgb]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('paired', [True, False])
@pytest.mark.parametrize('normalization', ['plain', 'emsn'])
def test_the_stream_is_the_same_however_much_is_kept(kind, paired, normalization):
  data = dataset(**KINDS[kind], kind=normalization)
  config = dataclasses.replace(CONFIG, paired=paired)
  some = pipeline.decoded_bytes(data, config) / 2 / 2**30
  none, part, whole = (take(stream(data, config, gib, seed=3), 8) for gib in (NONE, some, ALL))
  assert_equal(none, part)
  assert_equal(none, whole)
  # A batch is normalized as its examples are one by one.
  examples = pipeline.examples(data, 'train', config, seed=3, train=True)
  expected = [
    {key: np.stack([examples[4 * i + k][key] for k in range(4)]) for key in batch}
    for i, batch in enumerate(none)
  ]
  assert_equal(none, expected)


@pytest.mark.parametrize('paired', [True, False])
@pytest.mark.parametrize('threads', [1, 16])
def test_nothing_is_decoded_twice(decoded, paired, threads):
  data, config = dataset(), dataclasses.replace(CONFIG, paired=paired)
  take(stream(data, config, ALL, threads=threads), 20)
  assert of_records(decoded, data) == [2] * N  # RGB and IR


def test_without_memory_everything_is_decoded_each_epoch(decoded):
  data = dataset()
  take(stream(data, CONFIG, NONE), 4 * N)
  assert min(of_records(decoded, data)) >= 2 * 16


def test_what_fits_is_kept_and_the_rest_decoded_each_time(decoded):
  data = dataset()
  size = pipeline.decoded_bytes(data, CONFIG) // N
  kept = cache.CachedRecords(
    data.splits['train'].rgb,
    lambda record: tuple(
      record_images.decode(record, domain, CONFIG) for domain in data.domains.values()
    ),
    cache.MemoryBudget(5 * size + size // 2),
  )
  for _ in range(3):
    for i in range(N):
      assert len(kept[i]) == 2
  assert of_records(decoded, data) == [2] * 5 + [6] * (N - 5)


def test_kept_images_are_shared_read_only_and_own_their_memory():
  data = dataset(masked=True)
  for config in (
    CONFIG,
    DataConfig(resize='none', image_size=(16, 20)),
    DataConfig(mask='crop', resize='none', image_size=(16, 8)),
  ):
    kept = cache.CachedRecords(
      data.splits['train'].ir,
      lambda record, config=config: (record_images.decode(record, data.domains['ir'], config),),
      cache.MemoryBudget(2**20),
    )
    (image,) = kept[0]
    assert kept[0][0] is image and image.id.endswith('/0') and image.sequence == 's'
    assert image.pixels.base is None
    for plane in (image.pixels, image.mask):
      if plane is not None:
        with pytest.raises(ValueError, match='read-only'):
          plane[0, 0] = 0
    assert (image.mask is None) == (config.mask == 'crop')


def test_many_threads_that_ask_for_one_record_decode_it_once():
  calls = []

  def decode(record):
    calls.append(record)
    time.sleep(0.02)
    return (record_images.Image('ir', np.zeros((2, 2, 1), np.uint8), None, 'x', 'x'),)

  kept = cache.CachedRecords(['record'], decode, cache.MemoryBudget(4))
  with futures.ThreadPoolExecutor(16) as pool:
    found = list(pool.map(lambda _: kept[0], range(64)))
  assert calls == ['record'] and all(item is found[0] for item in found)


def test_room_is_closed_by_the_first_that_does_not_fit():
  room = cache.MemoryBudget(10)
  assert room.take(6) and not room.full
  assert not room.take(5) and room.full and not room.take(1)
  assert cache.MemoryBudget(0).full


def test_resumes_with_another_memory():
  data = dataset()
  iterator = stream(data, CONFIG, ALL)
  take(iterator, 3)
  state = iterator.get_state()
  expected = take(iterator, 5)
  for gib in (NONE, ALL):
    other = stream(data, CONFIG, gib)
    other.set_state(state)
    assert_equal(take(other, 5), expected)


@pytest.mark.parametrize('kind', KINDS)
def test_decoded_bytes_are_those_of_the_images(kind):
  data = dataset(**KINDS[kind])
  for config in (CONFIG, DataConfig(resize='none', image_size=(16, 20))):
    total = sum(
      record_images.decode(record, domain, config).nbytes
      for record in data.splits['train'].rgb
      for domain in data.domains.values()
    )
    assert pipeline.decoded_bytes(data, config) == total


def test_the_budget_is_a_quarter_of_what_is_free_unless_given(monkeypatch):
  monkeypatch.setattr(cache, 'available_memory', lambda: 8 * 2**30)
  assert cache.budget(-1.0) == 2 * 2**30
  assert cache.budget(0.0) == 0 and cache.budget(0.5) == 2**29


def test_limits_of_control_groups_are_respected(monkeypatch, tmp_path):
  for limit, used, inactive in (('max', 10, 0), ('5000', 4000, 1000)):
    (tmp_path / 'memory.max').write_text(limit + '\n')
    (tmp_path / 'memory.current').write_text(f'{used}\n')
    (tmp_path / 'memory.stat').write_text(f'anon 3\ninactive_file {inactive}\n')
    monkeypatch.setattr(memory, '_CGROUPS', tmp_path)
    free = memory.on_host()
    assert free == 2000 if limit != 'max' else free > 2**20

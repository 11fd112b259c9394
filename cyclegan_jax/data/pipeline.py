"""Records -> examples -> batches on the devices, with Grain.

Every random choice is a function of the seed and the example's place in the endless order, so
the order does not depend on threads, processes or interruptions, and the iterator's state (a
few numbers) is all that a checkpoint needs. Nor does it depend on which decoded images are kept.
"""

from collections.abc import Callable, Sequence
from typing import Any

import grain
import numpy as np

from cyclegan_jax.data import cache, record_images
from cyclegan_jax.data.source import Dataset, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig, format_value

# Four decode as fast as two cores can; of images that are kept even one thread gives as many as
# Python's lock lets through (benchmarks/input_pipeline.py).
_THREADS = 4
# Grain's default reads 500 elements ahead, which may be 500 batches.
_ELEMENTS_AHEAD = 8
_BATCHES_AHEAD = 2

# What goes to the devices; the masks only where there are any.
BATCH_KEYS = ('rgb', 'ir', 'rgb_mask', 'ir_mask')


def examples(
  dataset: Dataset, split: str, config: DataConfig, *, seed: int = 0, train: bool = False
) -> grain.MapDataset:
  """The examples of a split, decoded, sized and normalized.

  Args:
    dataset: a prepared data set.
    split: 'train', 'validation' or 'test'.
    config: `paired`, `image_size`, `load_size`, `resize`, `flip`, `mask` and `cache_gib` are read.
    seed: drives order and augmentation.
    train: endless, shuffled anew each epoch, with random crop and flip; RGB and IR are aligned
      if `paired`, else drawn in two independent orders; decoded images are kept in memory, as far
      as `cache_gib` allows. Otherwise one pass in stored order, center crop, pairs always
      aligned; this needs an aligned split.

  Returns:
    A dataset of dicts: `rgb` and `ir`, float32 [height, width, channels] of network values;
    `id`, `sequence`, `ir_id` and `ir_sequence`, str (equal in pairs). If `masked`, also
    `ir_mask`, bool [height, width, 1], where the IR image has data (elsewhere it is
    black), and `rgb_mask`, the same for the IR image that belongs to the RGB image.

  Raises:
    UserError: the split is missing, empty, or not aligned where pairs are needed.
  """

  def normalize(crop):
    return {
      **crop,
      **{name: record_images.normalized(crop, domain) for name, domain in dataset.domains.items()},
    }

  return _crops(dataset, split, config, seed, train).map(normalize)


def domain_images(dataset: Dataset, split: str, name: str, config: DataConfig) -> grain.MapDataset:
  """One domain of a split in stored order, as `examples` cuts it when not training.

  Returns:
    A dataset of dicts with the keys `name` and, if `masked`, `name`_mask of `examples`, and
    `id`, that of this domain's record.
  """
  domain = dataset.domains[name]

  def view(record):
    image = record_images.decode(record, domain, config)
    crop = record_images.crop(
      image, config.image_size, record_images.draw_crop(image, config, None)
    )
    return {**crop, name: record_images.normalized(crop, domain), 'id': image.id}

  return grain.MapDataset.source(getattr(get_split(dataset, split), name)).map(view)


def masked(dataset: Dataset, config: DataConfig) -> bool:
  """Whether examples have masks."""
  return dataset.has_mask and config.mask == 'loss'


def get_split(dataset: Dataset, name: str) -> Split:
  """A split that exists and is not empty in either domain, else UserError."""
  split = dataset.splits.get(name)
  if split is None or not len(split.rgb) or not len(split.ir):
    found = ', '.join(f'{s.name} ({len(s)})' for s in dataset.splits.values()) or 'none'
    raise UserError(
      f'{dataset.name} has no examples in split {name}; splits found: {found}. '
      'Choose one of these, or divide the data in another way (--split_by).'
    )
  return split


def batches(
  dataset: Dataset,
  config: DataConfig,
  batch_size: int,
  sharding: Any,
  *,
  seed: int = 0,
  threads: int = _THREADS,
  process: tuple[int, int] = (0, 1),
) -> grain.IterDataset:
  """Batches of training examples on the devices, read and moved ahead of their use.

  Of several processes each reads its own rows alone; which examples are in a batch, in which
  order and how they are cut does not depend on how many share it, nor does the iterator's state.

  Args:
    dataset: a prepared data set.
    config: as for `examples`, whose training examples these are.
    batch_size: examples per batch over all devices of all processes.
    sharding: a jax.sharding.Sharding over the leading axis, one row per device of this process.
    seed: as for `examples`.
    threads: as for `stream`.
    process: this process's number, and how many there are.

  Returns:
    Dataset of {'rgb', 'ir'}, float32 [devices, rows, height, width, channels], and the masks,
    bool, if there are any; process p of P has the p-th of P equal parts of each batch. Iterators
    have get_state() and set_state().

  Raises:
    UserError: see `examples`.
  """
  devices = sharding.mesh.size

  def batch(cuts: Sequence[dict]) -> dict[str, np.ndarray]:
    rows = {key: _stacked(cuts, key, dataset) for key in BATCH_KEYS if key in cuts[0]}
    return {key: x.reshape(devices, -1, *x.shape[1:]) for key, x in rows.items()}

  cuts = _crops(dataset, 'train', config, seed, train=True)
  part = _Part(cuts, batch_size, *process)
  rows = stream(part.batch(part.rows, drop_remainder=True, batch_fn=batch), threads)
  return grain.experimental.device_put(
    rows, sharding, cpu_buffer_size=_BATCHES_AHEAD, device_buffer_size=_BATCHES_AHEAD
  )


class _Part(grain.MapDataset):
  """One process's rows of each batch, batch after batch."""

  def __init__(self, parent: grain.MapDataset, batch_size: int, index: int, count: int):
    super().__init__(parent)
    self.rows = batch_size // count
    self._batch_size, self._first = batch_size, index * self.rows

  def __len__(self) -> int:
    return len(self._parent) // self._batch_size * self.rows

  def __getitem__(self, index: int) -> Any:
    batch, row = divmod(index, self.rows)
    return self._parent[batch * self._batch_size + self._first + row]


def stream(data: grain.MapDataset, threads: int = _THREADS) -> grain.IterDataset:
  """The elements in order, read by a few threads a few elements ahead."""
  return data.to_iter_dataset(
    grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(threads, _ELEMENTS_AHEAD))
  )


def decoded_bytes(dataset: Dataset, config: DataConfig) -> int:
  """Memory of all decoded training images, as if they were of the first one's size."""
  split = get_split(dataset, 'train')
  total = 0
  for name, domain in dataset.domains.items():
    records = getattr(split, name)
    height, width = record_images.resized(config) or record_images.size_before_crop(
      records[0], name, config
    )
    values = domain.channels * (1 if domain.normalization.max_value <= 255 else 2)
    total += len(records) * height * width * (values + masked(dataset, config))
  return total


def check_crop(dataset: Dataset, config: DataConfig) -> None:
  """With --resize=none, refuses images that are smaller than the crop, naming the first."""
  if config.resize != 'none':
    return
  for split in dataset.splits.values():
    collections = [('rgb', split.rgb)] if split.aligned else [('rgb', split.rgb), ('ir', split.ir)]
    for key, records in collections:
      for record in (records[i] for i in range(len(records))):
        height, width = record_images.size_before_crop(record, key, config)
        if height < config.image_size[0] or width < config.image_size[1]:
          raise UserError(
            f'The crop is larger than the image: {record_images.record_id(record)} ({key}) is '
            f'{height}x{width}, --image_size={format_value(config.image_size)}. Give a '
            'smaller --image_size, or let images be resized (--resize=area).'
          )


def _derived(seed: int, stream: int) -> int:
  """Another seed, so that runs of neighboring seeds share no order."""
  return int(np.random.SeedSequence([seed, stream]).generate_state(1)[0])


def _ordered(n: int, seed: int, train: bool) -> grain.MapDataset:
  """The numbers below n, in order or endlessly shuffled."""
  ordered = grain.MapDataset.range(n).seed(seed)
  return ordered.shuffle().repeat() if train else ordered


def _crops(
  dataset: Dataset, split: str, config: DataConfig, seed: int, train: bool
) -> grain.MapDataset:
  """What `examples` gives before it is normalized: images as they are in the files."""
  source = get_split(dataset, split)
  paired = config.paired if train else True
  if paired and not source.aligned:
    raise UserError(
      f'{dataset.name}: the RGB and IR images of split {split} are two unrelated collections; '
      'there are no pairs to train with (drop --paired) or to measure against.'
    )
  room = cache.MemoryBudget(cache.budget(config.cache_gib) if train else 0)
  # A pair's images come out of one reading of their record.
  groups = [('rgb', 'ir')] if paired else [('rgb',), ('ir',)]
  kept, orders = [], []
  for names, order_seed in zip(groups, (seed, _derived(seed, 1))):
    records = getattr(source, names[0])
    kept.append(cache.CachedRecords(records, _decoder(dataset, names, config), room))
    orders.append(_ordered(len(records), order_seed, train))

  def example(places, rng=None):
    both = [image for part, place in zip(kept, places) for image in part[place]]
    return _example(*both, config, rng, paired)

  places = grain.experimental.ZipMapDataset(orders)
  return places.seed(_derived(seed, 2)).random_map(example) if train else places.map(example)


def _decoder(
  dataset: Dataset, names: Sequence[str], config: DataConfig
) -> Callable[[Any], cache.Images]:
  domains = [dataset.domains[name] for name in names]
  return lambda record: tuple(record_images.decode(record, domain, config) for domain in domains)


def _example(
  rgb: record_images.Image,
  ir: record_images.Image,
  config: DataConfig,
  rng: np.random.Generator | None,
  paired: bool,
) -> dict:
  """One example; the images of a pair are cut alike, those of strangers by a draw each."""
  rgb_cut = record_images.draw_crop(rgb, config, rng)
  ir_cut = rgb_cut if paired else record_images.draw_crop(ir, config, rng)
  return {
    **record_images.crop(rgb, config.image_size, rgb_cut),
    **record_images.crop(ir, config.image_size, ir_cut),
    'id': rgb.id,
    'sequence': rgb.sequence,
    'ir_id': ir.id,
    'ir_sequence': ir.sequence,
  }


def _stacked(cuts: Sequence[dict], key: str, dataset: Dataset) -> np.ndarray:
  """One field of many examples, normalized.

  Row by row: a batch is too large for the processor's caches, and memory for an intermediate one
  would have to be asked of the system each time.
  """
  domain = dataset.domains.get(key)
  first = cuts[0][key]
  stack = np.empty((len(cuts), *first.shape), np.float32 if domain else first.dtype)
  for row, crop in zip(stack, cuts):
    row[...] = record_images.normalized(crop, domain) if domain else crop[key]
  return stack

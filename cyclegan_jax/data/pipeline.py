"""Records -> examples -> batches on the devices, with Grain.

Images stay pixels until they are part of a training batch. Every random choice is a function of the
seed and the example's place in the endless order, whatever the threads, processes, interruptions
and images kept in memory. The iterator's state (a few numbers) is all that a checkpoint needs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grain
import jax
import numpy as np

from cyclegan_jax.data import cache, condition as condition_lib, jitter, layers, record_images, told
from cyclegan_jax.data.source import Dataset, dtype_of, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig, format_value

# Four threads decode as fast as two cores can. Images that are kept come as fast from one thread,
# because Python's lock lets no more through (benchmarks/input_pipeline.py).
_THREADS = 4
# Grain's default is to read 500 elements ahead, which may be 500 batches.
_ELEMENTS_AHEAD = 8
_BATCHES_AHEAD = 2
# Of a pair, the image that carries the layers.
_LABELED = 'ir'

# The fields that go to the devices; masks only where there are any, layers where they are needed.
BATCH_KEYS = ('rgb', 'ir', 'rgb_mask', 'ir_mask', *layers.UNKNOWN, condition_lib.KEY)


def pixels(dataset: Dataset, split: str, config: DataConfig) -> grain.MapDataset:
  """Returns the pairs of a split as they are measured: in stored order, cropped from the center.

  Returns:
    A dataset of dicts: `rgb` and `ir`, uint8 or uint16 [height, width, channels]; `id`,
    `sequence`, `ir_id` and `ir_sequence`, str (equal in pairs). If `masked`, also `ir_mask`, bool
    [height, width, 1], where the IR image has data (elsewhere it is black), and `rgb_mask`, the
    same for the IR image that belongs to the RGB image. If the data set has `class_names`, also
    `labels`, uint8 [height, width], indices of them or 255 for none; if it `has_depth`, also
    `depth`, uint16 [height, width], see layers.py.

  Raises:
    UserError: The split is missing, empty or not aligned.
  """
  return _crops(dataset, split, config, seed=0, train=False, labeled=dataset.has_layers)


def domain_pixels(
  dataset: Dataset, split: str, name: str, config: DataConfig, labeled: bool = False
) -> grain.MapDataset:
  """Returns the images of one domain of a split, pairs or not, in stored order.

  Elements are dicts with the record's `id` and, as in `pixels`, `name` and perhaps `name`_mask; if
  `labeled` also the record's layers.
  """
  domain = dataset.domains[name]

  def view(record: Mapping[str, Any]) -> dict[str, Any]:
    image = record_images.decode(record, domain, config, labeled)
    where = record_images.draw_crop(image, config, None)
    return {**record_images.crop(image, config, where), 'id': image.id}

  return grain.MapDataset.source(getattr(get_split(dataset, split), name)).map(view)


def examples(
  dataset: Dataset, split: str, config: DataConfig, *, seed: int = 0, train: bool = False
) -> grain.MapDataset:
  """Returns the examples of a split as network values.

  With `train`, examples are endless, shuffled anew in each epoch, randomly cropped and flipped, all
  driven by `seed`. RGB and IR are aligned if `config.paired`, otherwise drawn in two independent
  orders. Decoded images are kept in memory as far as `config.cache_gib` allows. Without `train`,
  these are the pairs of `pixels`.

  Returns:
    A dataset of dicts as `pixels` has them, with `rgb` and `ir` float32 in [-1, 1]. Only pairs have
    layers.

  Raises:
    UserError: The split is missing, empty, or not aligned where pairs are needed.
  """

  def normalize(example: dict[str, Any]) -> dict[str, Any]:
    domains = dataset.domains.items()
    return {**example, **{name: domain.normalize(example[name]) for name, domain in domains}}

  labeled = dataset.has_layers and (config.paired or not train)
  return _crops(dataset, split, config, seed, train, labeled).map(normalize)


def masked(dataset: Dataset, config: DataConfig) -> bool:
  """Returns whether examples have masks."""
  return (dataset.has_mask or config.keep_aspect == 'pad') and config.mask == 'loss'


def get_split(dataset: Dataset, name: str) -> Split:
  """Returns a split. Raises UserError if it does not exist, or a domain of it is empty."""
  split = dataset.splits.get(name)
  if split is None or not len(split.rgb) or not len(split.ir):
    found = ', '.join(f'{s.name} ({len(s)})' for s in dataset.splits.values()) or 'none'
    cure = 'Training needs it: split' if name == 'train' else 'Choose one of these, or split'
    raise UserError(
      f'{dataset.name} has no examples in split {name}; splits found: {found}. '
      f'{cure} the data differently (--split_by).'
    )
  return split


def batches(
  dataset: Dataset,
  config: DataConfig,
  batch_size: int,
  sharding: jax.sharding.NamedSharding,
  *,
  seed: int = 0,
  threads: int = _THREADS,
  process: tuple[int, int] = (0, 1),
  labeled: bool = False,
  in_sequence: bool = False,
) -> grain.IterDataset:
  """Returns batches of training `examples` on the devices, read and moved ahead of their use.

  `batch_size` counts all devices of all processes; `sharding` is that of the leading axis, one row
  per device of this process. Of several processes, `process` = (p, P) reads only its own rows, the
  p-th of P equal parts of each batch. The examples of a batch, their order and their crops do not
  depend on the number of processes, nor does the iterator's state. `labeled` batches need pairs of
  a data set with layers. With `in_sequence`, RGB and IR image of a row are of one sequence, see
  sequences.py.

  Returns:
    A dataset of {'rgb', 'ir'}, float32 [devices, rows, height, width, channels] in [-1, 1]; the
    masks, bool, if there are any; if `labeled`, the layers of the data, [devices, rows, height,
    width], see layers.py; and if the IR domain has a condition, that of the IR images, float32
    [devices, rows, size], see told.py. Iterators have get_state() and set_state().

  Raises:
    UserError: See `examples`.
  """
  devices, condition = sharding.mesh.size, dataset.domains['ir'].condition

  def batch(crops: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    rows = {key: _stacked(crops, key, dataset) for key in BATCH_KEYS if key in crops[0]}
    if not labeled:
      rows = {key: x for key, x in rows.items() if key not in layers.UNKNOWN}
    return {key: x.reshape(devices, -1, *x.shape[1:]) for key, x in rows.items()}

  read = labeled or bool(condition and condition.needs_labels)
  drawn = _crops(dataset, 'train', config, seed, True, read, in_sequence)
  part = _Part(drawn, batch_size, *process)
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

  def __getitem__(self, index: Any) -> Any:
    batch, row = divmod(index, self.rows)
    return self._parent[batch * self._batch_size + self._first + row]


def stream(data: grain.MapDataset, threads: int = _THREADS) -> grain.IterDataset:
  """Returns the elements in order, read by a few threads a few elements ahead."""
  return data.to_iter_dataset(
    grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(threads, _ELEMENTS_AHEAD))
  )


def decoded_bytes(dataset: Dataset, config: DataConfig, labeled: bool = False) -> int:
  """Returns the memory of all decoded training images, as if all had the size of the first one.

  If `labeled`, their layers are kept, too.
  """
  split, config = get_split(dataset, 'train'), record_images.for_training(config)
  total = 0
  for name, domain in dataset.domains.items():
    records = getattr(split, name)
    height, width = record_images.size_before_crop(records[0], name, config)
    values = domain.channels * dtype_of(domain.max_value).itemsize
    values += masked(dataset, config)
    if labeled and name == _LABELED:
      values += bool(dataset.class_names) + 2 * dataset.has_depth
    total += len(records) * height * width * values
  return total


def check_crop(dataset: Dataset, config: DataConfig) -> None:
  """With --resize=none, raises a UserError that names the first image smaller than the crop."""
  if config.resize != 'none':
    return
  for split in dataset.splits.values():
    # The images of a pair are of one size.
    for key in ('rgb',) if split.aligned else ('rgb', 'ir'):
      records = getattr(split, key)
      for record in (records[i] for i in range(len(records))):
        height, width = record_images.size_before_crop(record, key, config)
        if height < config.image_size[0] or width < config.image_size[1]:
          raise UserError(
            f'The crop is larger than the image: {record_images.record_id(record)} ({key}) is '
            f'{height}x{width}, --image_size={format_value(config.image_size)}. Give a '
            'smaller --image_size, or let images be resized (--resize=area).'
          )


def _derived(seed: int, stream_index: int) -> int:
  """Another seed, so that runs with neighboring seeds share no order."""
  return int(np.random.SeedSequence([seed, stream_index]).generate_state(1)[0])


def _crops(
  dataset: Dataset,
  split: str,
  config: DataConfig,
  seed: int,
  train: bool,
  labeled: bool,
  in_sequence: bool = False,
) -> grain.MapDataset:
  """The pixels of what `examples` returns; with `in_sequence` see `batches`."""
  source = get_split(dataset, split)
  config = record_images.for_training(config) if train else config
  paired = config.paired or not train
  if paired and not source.aligned:
    raise UserError(
      f'{dataset.name}: the RGB and IR images of split {split} are two unrelated collections. '
      'There are no pairs to train with (omit --paired) or to measure.'
    )
  budget = cache.MemoryBudget(cache.budget(config.cache_gib) if train else 0)
  partners = source.partners if in_sequence and not paired else None
  # The images of a pair come from one reading of their record.
  groups = [('rgb', 'ir')] if paired else [('rgb',), ('ir',)]
  cached, orders = [], []
  for names, order_seed in zip(groups, (seed, _derived(seed, 1))):
    records = getattr(source, names[0])
    decode = _decoder(dataset, names, config, labeled)
    cached.append(cache.CachedRecords(records, decode, budget))
    order = grain.MapDataset.range(len(records)).seed(order_seed)
    orders.append(order.shuffle().repeat() if train else order)

  def example(places: Sequence[int], rng: np.random.Generator | None = None) -> dict[str, Any]:
    if partners and rng is not None:
      places = places[0], partners.draw(places[0], rng)
    rgb, ir = (image for part, place in zip(cached, places) for image in part[place])
    # The images of a pair are cropped alike, unrelated ones by a draw each.
    rgb_crop = record_images.draw_crop(rgb, config, rng)
    ir_crop = rgb_crop if paired else record_images.draw_crop(ir, config, rng)
    found = record_images.crop(rgb, config, rgb_crop) | record_images.crop(ir, config, ir_crop)
    if rng is not None:
      found['rgb'] = jitter.jitter(found['rgb'], config, rng)
      found |= told.draw(found, dataset.domains['ir'], config, rng)
    texts = {'id': rgb.id, 'sequence': rgb.sequence, 'ir_id': ir.id, 'ir_sequence': ir.sequence}
    return {**found, **texts}

  places = grain.experimental.ZipMapDataset(orders)
  return places.seed(_derived(seed, 2)).random_map(example) if train else places.map(example)


def _decoder(
  dataset: Dataset, names: Sequence[str], config: DataConfig, labeled: bool
) -> Callable[[Any], cache.Images]:
  domains = [(dataset.domains[name], labeled and name == _LABELED) for name in names]
  return lambda record: tuple(record_images.decode(record, d, config, own) for d, own in domains)


def _stacked(crops: Sequence[dict[str, Any]], key: str, dataset: Dataset) -> np.ndarray:
  """One field of many examples, images as network values.

  Row by row: a batch is too large for the processor's caches, and memory for an intermediate one
  would have to be requested from the system each time.
  """
  domain = dataset.domains.get(key)
  first = crops[0][key]
  stack = np.empty((len(crops), *first.shape), np.float32 if domain else first.dtype)
  for row, crop in enumerate(crops):
    stack[row] = domain.normalize(crop[key]) if domain else crop[key]
  return stack

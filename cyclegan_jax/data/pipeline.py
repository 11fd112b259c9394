"""Records -> examples -> batches on the devices, with Grain.

Every random choice is a function of the seed and the example's place in the endless order, so
the order does not depend on threads, processes or interruptions, and the iterator's state (a
few numbers) is all that a checkpoint needs.
"""

import io
from typing import Any, Mapping

import grain
import numpy as np
import PIL.Image

from cyclegan_jax.data import images, masks
from cyclegan_jax.data.source import Dataset, Domain, Records, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig, format_value

# Grain's default reads 500 elements ahead, which may be 500 batches.
_READING = grain.ReadOptions(num_threads=4, prefetch_buffer_size=8)
_BATCHES_AHEAD = 2

# What goes to the devices; the masks only where there are any.
BATCH_KEYS = ('rgb', 'ir', 'rgb_mask', 'ir_mask')


def examples(dataset: Dataset, split: str, config: DataConfig, *, seed: int = 0,
             train: bool = False) -> grain.MapDataset:
  """The examples of a split, decoded, sized and normalised.

  Args:
    dataset: a prepared data set.
    split: 'train', 'validation' or 'test'.
    config: `paired`, `image_size`, `load_size`, `resize`, `flip` and `mask` are read.
    seed: drives order and augmentation.
    train: endless, shuffled anew each epoch, with random crop and flip; RGB and IR are aligned
      if `paired`, else drawn in two independent orders. Otherwise one pass in stored order,
      centre crop, pairs always aligned; this needs an aligned split.

  Returns:
    A dataset of dicts: `rgb` and `ir`, float32 [height, width, channels] of network values;
    `id`, `sequence`, `ir_id` and `ir_sequence`, str (equal in pairs). If `masked`, also
    `ir_mask`, bool [height, width, 1], where the IR image has data (elsewhere it is
    masks.FILL), and `rgb_mask`, the same for the IR image that belongs to the RGB image.

  Raises:
    UserError: the split is missing, empty, or not aligned where pairs are needed.
  """
  source = get_split(dataset, split)
  paired = config.paired if train else True
  if paired and not source.aligned:
    raise UserError(
        f'{dataset.name}: the RGB and IR images of split {split} are two unrelated collections; '
        'there are no pairs to train with (drop --paired) or to measure against.')
  if paired:
    records = _ordered(source.rgb, seed, train).map(lambda record: (record, record))
  else:
    records = grain.experimental.ZipMapDataset(
        [_ordered(source.rgb, seed, train), _ordered(source.ir, _derived(seed, 1), train)])
  example = lambda both, rng=None: _example(*both, dataset.domains, config, rng, paired)
  return records.seed(_derived(seed, 2)).random_map(example) if train else records.map(example)


def domain_images(dataset: Dataset, split: str, name: str, config: DataConfig) -> grain.MapDataset:
  """One domain of a split in stored order, as `examples` cuts it when not training.

  Returns:
    A dataset of dicts with the keys `name` and, if `masked`, `name`_mask of `examples`.
  """
  domain = dataset.domains[name]
  def view(record):
    planes = _decode(record, domain, config)
    return _view(planes, domain, config, _draw_cut(planes[name].shape, config, None))
  return grain.MapDataset.source(getattr(get_split(dataset, split), name)).map(view)


def masked(dataset: Dataset, config: DataConfig) -> bool:
  """Whether examples have masks."""
  return dataset.has_mask and config.mask == 'loss'


def get_split(dataset: Dataset, name: str) -> Split:
  """A split that exists and is not empty in either domain, else UserError."""
  split = dataset.splits.get(name)
  if split is None or not len(split.rgb) or not len(split.ir):
    found = ', '.join(f'{s.name} ({len(s)})' for s in dataset.splits.values()) or 'none'
    raise UserError(f'{dataset.name} has no examples in split {name}; splits found: {found}. '
                    'Choose one of these, or divide the data in another way (--split_by).')
  return split


def batches(data: grain.MapDataset, batch_size: int, sharding: Any) -> grain.IterDataset:
  """Batches of images and masks on the devices, read and moved ahead of their use.

  Args:
    data: from `examples(train=True)`.
    batch_size: examples per batch over all devices.
    sharding: a jax.sharding.Sharding over the leading axis, one row per device.

  Returns:
    Dataset of {'rgb', 'ir'}, float32 [devices, batch_size/devices, height, width, channels],
    and the masks, bool, if there are any. Iterators have get_state() and set_state().
  """
  devices = sharding.mesh.size
  def to_rows(batch):
    return {key: batch[key].reshape(devices, -1, *batch[key].shape[1:]) for key in BATCH_KEYS
            if key in batch}
  rows = stream(data.batch(batch_size, drop_remainder=True).map(to_rows))
  return grain.experimental.device_put(rows, sharding, cpu_buffer_size=_BATCHES_AHEAD,
                                       device_buffer_size=_BATCHES_AHEAD)


def stream(data: grain.MapDataset) -> grain.IterDataset:
  """The elements in order, read by a few threads a few elements ahead."""
  return data.to_iter_dataset(_READING)


def check_crop(dataset: Dataset, config: DataConfig) -> None:
  """With --resize=none, refuses images that are smaller than the crop, naming the first."""
  if config.resize != 'none':
    return
  for split in dataset.splits.values():
    collections = [('rgb', split.rgb)] if split.aligned else [('rgb', split.rgb), ('ir', split.ir)]
    for key, records in collections:
      for record in (records[i] for i in range(len(records))):
        height, width = _size(record, key, config)
        if height < config.image_size[0] or width < config.image_size[1]:
          raise UserError(
              f'The crop is larger than the image: {record_id(record)} ({key}) is '
              f'{height}x{width}, --image_size={format_value(config.image_size)}. Give a '
              'smaller --image_size, or let images be resized (--resize=area).')


def _size(record: Any, key: str, config: DataConfig) -> tuple[int, int]:
  """Height and width that a record's image has before --image_size is cut from it."""
  if box := _box(record, config):
    rows, columns = box
    return rows.stop - rows.start, columns.stop - columns.start
  width, height = PIL.Image.open(io.BytesIO(record[key])).size
  return height, width


def _derived(seed: int, stream: int) -> int:
  """Another seed, so that runs of neighbouring seeds share no order."""
  return int(np.random.SeedSequence([seed, stream]).generate_state(1)[0])


def _ordered(records: Records, seed: int, train: bool) -> grain.MapDataset:
  ordered = grain.MapDataset.source(records).seed(seed)
  return ordered.shuffle().repeat() if train else ordered


def _example(rgb_record: Any, ir_record: Any, domains: Mapping[str, Domain], config: DataConfig,
             rng: np.random.Generator | None, paired: bool) -> dict:
  """One example; the images of a pair are cut alike, those of strangers by a draw each."""
  rgb = _decode(rgb_record, domains['rgb'], config)
  ir = _decode(ir_record, domains['ir'], config)
  rgb_cut = _draw_cut(rgb['rgb'].shape, config, rng)
  ir_cut = rgb_cut if paired else _draw_cut(ir['ir'].shape, config, rng)
  return {
      **_view(rgb, domains['rgb'], config, rgb_cut), **_view(ir, domains['ir'], config, ir_cut),
      'id': record_id(rgb_record), 'sequence': _text(rgb_record['sequence']),
      'ir_id': record_id(ir_record), 'ir_sequence': _text(ir_record['sequence']),
  }


def _decode(record: Any, domain: Domain, config: DataConfig) -> dict[str, np.ndarray]:
  """A domain's image, resized but not cut, and its mask if it is used."""
  name = record_id(record)
  pixels = images.read_image(record[domain.name], name)
  pixels = images.for_domain(pixels, domain.name, domain.channels, name)
  box = _box(record, config)
  pixels = pixels[box] if box else pixels
  size = None
  if config.resize != 'none':
    size = config.image_size if config.load_size == (0, 0) else config.load_size
  is_masked = 'mask' in record and config.mask == 'loss'
  if size and is_masked and domain.name == 'ir':
    pixels = masks.resize(pixels, record['mask'], size, config.resize)
  elif size:
    pixels = images.resize(pixels, size, config.resize)
  planes = {domain.name: pixels}
  if is_masked:
    planes[f'{domain.name}_mask'] = masks.read(record['mask'], size, config.resize)
  return planes


def _box(record: Any, config: DataConfig) -> tuple[slice, slice] | None:
  if 'mask' not in record or config.mask != 'crop':
    return None
  return masks.valid_box(record['mask'], record_id(record))


def _draw_cut(shape: tuple[int, ...], config: DataConfig,
              rng: np.random.Generator | None) -> tuple[int, int, bool]:
  """Top, left and whether to mirror; the centre and no mirroring without a generator."""
  room = [have - want for have, want in zip(shape, config.image_size)]
  if rng is None:
    return room[0] // 2, room[1] // 2, False
  top, left = (int(rng.integers(r + 1)) for r in room)
  return top, left, config.flip and bool(rng.integers(2))


def _cut(pixels: np.ndarray, size: tuple[int, int], top: int, left: int,
         mirror: bool) -> np.ndarray:
  pixels = pixels[top:top + size[0], left:left + size[1]]
  return pixels[:, ::-1] if mirror else pixels


def _view(planes: Mapping[str, np.ndarray], domain: Domain, config: DataConfig,
          cut: tuple[int, int, bool]) -> dict[str, np.ndarray]:
  """Cut and normalised; IR pixels without data are filled."""
  view = {key: _cut(plane, config.image_size, *cut) for key, plane in planes.items()}
  view[domain.name] = domain.normalisation.forward(np.asarray(view[domain.name], np.float32))
  if domain.name == 'ir' and 'ir_mask' in view:
    view['ir'] = np.where(view['ir_mask'], view['ir'], np.float32(masks.FILL))
  return view


def record_id(record: Any) -> str:
  """A record's id as text."""
  return _text(record['id'])


def _text(value: bytes | str) -> str:
  return value.decode() if isinstance(value, bytes) else str(value)

"""Small sets of pairs in Parquet files and tar archives, by the conventions of their hubs."""

import io
import json
import tarfile

import numpy as np
import PIL.Image

from cyclegan_jax.image_files import images


def png(array):
  return images.encode_png(array)


def jpeg(array):
  out = io.BytesIO()
  PIL.Image.fromarray(array.squeeze()).save(out, 'JPEG')
  return out.getvalue()


def pair(seed, height=24, width=32, deep=False):
  """RGB as JPEG and IR as PNG."""
  rng = np.random.default_rng(seed)
  rgb = rng.integers(0, 256, (height, width, 3), np.uint8)
  ir = rng.integers(0, 65536 if deep else 256, (height, width, 1), np.uint16 if deep else np.uint8)
  return jpeg(rgb), png(ir)


def write_parquet(path, columns, struct=True, row_group_size=7):
  """Writes columns of image files (bytes or None) as the package datasets does, or as plain bytes.

  There, an image is a struct of bytes and a path, and the schema says so in its metadata.
  """
  import pyarrow as pa
  from pyarrow import parquet

  kind = pa.struct({'bytes': pa.binary(), 'path': pa.string()}) if struct else pa.binary()
  cell = lambda name, i, data: {'bytes': data, 'path': f'{name}_{i}.png'} if struct else data
  arrays = {
    name: pa.array(
      [None if data is None else cell(name, i, data) for i, data in enumerate(values)], kind
    )
    for name, values in columns.items()
  }
  n = len(next(iter(columns.values())))
  table = pa.table({'caption': [f'scene {i}' for i in range(n)], **arrays})
  if struct:
    features = {name: {'_type': 'Image'} for name in columns}
    features['caption'] = {'dtype': 'string', '_type': 'Value'}
    table = table.replace_schema_metadata(
      {'huggingface': json.dumps({'info': {'features': features}})}
    )
  path.parent.mkdir(parents=True, exist_ok=True)
  parquet.write_table(table, path, row_group_size=row_group_size)


def write_tar(path, files, mode='w'):
  """Writes (name, content) in this order, as WebDataset's TarWriter does."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with tarfile.open(path, mode) as archive:
    for name, data in files:
      info = tarfile.TarInfo(name)
      info.size = len(data)
      archive.addfile(info, io.BytesIO(data))

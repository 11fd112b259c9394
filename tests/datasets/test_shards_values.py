"""Sharded sets whose IR images are stored over a span, and those with labels."""

import io

import numpy as np
import pytest
import tifffile

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets
from tests.datasets.shard_files import pair, png, write_parquet, write_tar

pytestmark = pytest.mark.usefixtures('no_progress_bars')
RNG = np.random.default_rng(0)
SIZE = (24, 32)


def tiff(array):
  out = io.BytesIO()
  tifffile.imwrite(out, array)
  return out.getvalue()


def write(kind, source, irs, labels=None):
  """Pairs of random RGB and these IR images in one file of a kind, perhaps with labels."""
  rgbs = [pair(i)[0] for i in range(len(irs))]
  if kind == 'parquet':
    pytest.importorskip('pyarrow', reason='needs pyarrow, the extra parquet')
    columns = {'rgb': rgbs, 'ir': irs, **({'mask': labels} if labels else {})}
    write_parquet(source / 'train.parquet', columns)
    return
  ending = 'tif' if irs[0][:2] in (b'II', b'MM') else 'png'
  files = [
    file
    for i, (rgb, ir, label) in enumerate(zip(rgbs, irs, labels or [None] * len(irs)))
    for file in ((f'{i}.rgb.jpg', rgb), (f'{i}.ir.{ending}', ir), (f'{i}.mask.png', label))
    if file[1] is not None
  ]
  write_tar(source / 'train.tar', files)


def opened(kind, source, tmp_path, ir_span='', **options):
  config = DataConfig(
    dataset=kind,
    source_dir=str(source),
    data_dir=str(tmp_path / 'data'),
    paired=True,
    ir_span=ir_span,
    options=options,
  )
  return datasets.open_dataset(config)


def records(dataset):
  """The records of all splits in the order of their rows."""
  found = [split.ir[i] for split in dataset.splits.values() for i in range(len(split.ir))]
  return sorted(found, key=lambda record: int(record['id'].decode().rpartition('/')[2]))


@pytest.mark.parametrize('kind', ['parquet', 'webdataset'])
def test_counts_are_said_and_stored_over_a_span(kind, tmp_path):
  counts = [RNG.integers(7269, 7881, SIZE).astype(np.uint16) for _ in range(6)]
  write(kind, tmp_path / 'hub', [png(array[..., None]) for array in counts])
  plain = opened(kind, tmp_path / 'hub', tmp_path)
  assert '% of the range' in plain.description and '--ir_span=' in plain.description
  dataset = opened(kind, tmp_path / 'hub', tmp_path, ir_span='7200:7900')
  assert dataset.ir_span == (7200, 7900, '') and dataset.domains['ir'].max_value == 65535
  for record, array in zip(records(dataset), counts, strict=True):
    expected = np.rint(65535 * (array.astype(np.float64) - 7200) / 700)
    np.testing.assert_array_equal(images.read_image(record['ir'])[..., 0], expected)


@pytest.mark.parametrize('kind', ['parquet', 'webdataset'])
def test_degrees_need_a_span_and_missing_ones_are_masked(kind, tmp_path):
  degrees = [RNG.uniform(-5, 40, SIZE).astype(np.float32) for _ in range(6)]
  degrees[2][3:9, 5:7] = np.nan
  write(kind, tmp_path / 'hub', [tiff(array) for array in degrees])
  with pytest.raises(UserError, match=r'6 IR images .* floating-point .*--ir_span='):
    opened(kind, tmp_path / 'hub', tmp_path)
  dataset = opened(kind, tmp_path / 'hub', tmp_path, ir_span='-10:50,degC')
  assert dataset.has_mask and dataset.ir_span.unit == 'degC'
  for record, array in zip(records(dataset), degrees, strict=True):
    finite = np.isfinite(array)
    np.testing.assert_array_equal(images.read_image(record['mask'])[..., 0] == 255, finite)
    got = images.read_image(record['ir'])[..., 0][finite] / 65535 * 60 - 10
    np.testing.assert_allclose(got, array[finite], atol=60 / 65535)


@pytest.mark.parametrize('kind', ['parquet', 'webdataset'])
def test_labels_are_stored_where_rows_have_them(kind, tmp_path):
  labels = [RNG.integers(0, 4, SIZE).astype(np.uint8) for _ in range(6)]
  labels[1][0, :5] = 255
  cells = [png(array[..., None]) for array in labels]
  cells[4] = None
  irs = [pair(i)[1] for i in range(6)]
  write(kind, tmp_path / 'hub', irs, cells)
  assert not opened(kind, tmp_path / 'hub', tmp_path, ir_column='ir').class_names
  dataset = opened(kind, tmp_path / 'hub', tmp_path, ir_column='ir', label_column='mask')
  assert dataset.class_names == ('class 0', 'class 1', 'class 2', 'class 3')
  assert "label in column 'mask'" in dataset.description
  assert '1 pairs have no labels' in dataset.description
  labels[4][:] = 255
  for record, array in zip(records(dataset), labels, strict=True):
    np.testing.assert_array_equal(images.read_indices(record['labels'], 'x'), array)


def test_labels_of_another_size_or_of_one_class_are_refused(tmp_path):
  irs = [pair(i)[1] for i in range(3)]
  cells = [png(np.ones((*SIZE, 1), np.uint8)) for _ in irs]
  cells[1] = png(np.ones((5, 6, 1), np.uint8))
  write('webdataset', tmp_path / 'a', irs, cells)
  with pytest.raises(UserError, match=r'key 1 \(mask\) is 6x5 pixels, but the images are 32x24'):
    opened('webdataset', tmp_path / 'a', tmp_path, label_column='mask')
  write('webdataset', tmp_path / 'b', irs, [png(np.full((*SIZE, 1), 255, np.uint8))] * 3)
  with pytest.raises(UserError, match='--label_column=mask: .*at least two classes'):
    opened('webdataset', tmp_path / 'b', tmp_path, label_column='mask')
  with pytest.raises(UserError, match='--label_column=x: .*no such column'):
    opened('webdataset', tmp_path / 'b', tmp_path, label_column='x')

"""Which masks of people belong to a frame of AAU VAP Trimodal."""

import pytest

from cyclegan_jax import errors
from datasets.aau.config import aau_config
from tests.datasets.aau_trees import tree, without
from tests.datasets.test_osu import put

TABLE = 'TrimodalDataset/Scene 1/annotations.csv'


def annotated(config, scene='1'):
  """Frame -> name of its thermal mask."""
  return {
    pair.id[2:]: pair.ir_mask.stem
    for pair in config.pairs
    if pair.ir_mask and pair.sequence == scene
  }


def renamed(found):
  """Masks of scene 1 that are not called like their frames."""
  return {
    path.replace('Scene 1/thermalMasks/000', 'Scene 1/thermalMasks/mask_'): data
    for path, data in found.items()
  }


@pytest.mark.parametrize(
  'table',
  [
    'Thermal file;Thermal mask file\nSyncT/00085.jpg;./thermalMasks/mask_85.png\n',
    '\ufeffThermal mask file;Object ID;Thermal file;\r\nmask_85.png;1;00085.jpg;;0;7\r\n\r\n',
    'THERMAL_MASK_FILE ; thermal  file\n.\\thermalMasks\\mask_85.png ; SyncT\\85.png\n',
    'Mask file;Thermal file;RGB file;RGB mask file\nmask_85.png;00085.png;x.jpg;\n',
    '"Mask file";"Thermal file"\n"mask_85.png";"00085.png"\nmask_85.png;00085.jpg\n',
  ],
)
def test_tables(table, tmp_path):
  config = aau_config(put(tmp_path, renamed(tree()) | {TABLE: table.encode()}))
  assert annotated(config) == {'00085': 'mask_85'}
  assert annotated(config, '2') == {f'{i:05d}': f'{i:05d}' for i in (85, 87, 89, 91)}


def test_columns_of_rgb(tmp_path):
  found = {
    path.replace('Scene 1/rgbMasks/00085', 'Scene 1/rgbMasks/p_1'): data
    for path, data in tree().items()
  }
  note = 'Scene 1: 1 frame(s) with a mask for RGB or thermal only count as not annotated.'
  assert note in aau_config(put(tmp_path / '0', found)).notes
  table = 'RGB file;RGB mask file;Thermal file;Mask file\n00085.jpg;p_1.png;00085.jpg;00085.png\n'
  config = aau_config(put(tmp_path / '1', found | {TABLE: table.encode()}))
  assert config.pairs[0].rgb_mask.stem == 'p_1'
  assert note not in config.notes


def test_without_a_table_masks_are_found_by_name(tmp_path):
  config = aau_config(put(tmp_path, without(tree(), TABLE)))
  assert annotated(config) == {f'{i:05d}': f'{i:05d}' for i in (85, 87, 89, 91)}
  assert any(note.startswith('Scene 1: no annotations.csv') for note in config.notes)


def test_without_masks_nothing_is_annotated(tmp_path):
  config = aau_config(put(tmp_path, without(tree(), 'Masks')))
  assert not annotated(config)
  assert 'Scene 1: 8 pairs from 8 RGB, 8 thermal frames; 0 are annotated.' in config.notes
  assert (
    'Scene 3: 4 thermal frames of annotations.csv are not there, or their masks are not in '
    'thermalMasks, such as 00085.'
  ) in config.notes


MALFORMED = {
  'empty': (b'', 'line 1: columns .*; expected "Thermal file"'),
  'commas': (b'Thermal file,Mask file\na,b\n', 'line 1: columns'),
  'no mask column': (b'Thermal file;RGB mask file\na;b\n', 'line 1: columns'),
  'short row': (
    b'Object;Thermal file;Mask file\n1;00085.jpg;00085.png\n1;00087.jpg\n',
    'line 3: 2 cells, expected at least 3',
  ),
  'two masks': (
    b'Thermal file;Mask file\n00085.jpg;00085.png\n00085.jpg;00087.png\n',
    'line 3: thermal frame 00085 has mask 00087, but 00085',
  ),
  'not text': (b'\xff\xd8\xff\xe0', 'not a table of text'),
  'open quote': (b'Thermal file;Mask file\n"00085.jpg;00085.png\n', 'not a table of text'),
}


@pytest.mark.parametrize('case', MALFORMED)
def test_malformed_tables_are_refused(case, tmp_path):
  content, message = MALFORMED[case]
  with pytest.raises(errors.UserError, match=f'(?s)Scene 1/annotations.csv.*{message}') as caught:
    aau_config(put(tmp_path, tree() | {TABLE: content}))
  assert 'or remove it' in str(caught.value)

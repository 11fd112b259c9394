"""A flipped bit in a JSON file is noticed, wherever it is."""

import json

import pytest

from cyclegan_jax import checksum, config as config_lib
from cyclegan_jax.errors import UserError

CONTENT = {'b': (1, 2.5), 'a': {'é': None, 'x': 1e-7}, 'n': [True, 'text', -0.1]}


def test_a_file_is_read_as_it_was_written():
  text = checksum.dumps(CONTENT)
  assert checksum.loads(text) == json.loads(json.dumps(CONTENT))
  # The order of entries and the white space are no content.
  assert checksum.loads(json.dumps(json.loads(text), sort_keys=True)) == checksum.loads(text)


def test_any_flipped_bit_is_noticed_or_changes_nothing():
  written = checksum.dumps(CONTENT).encode()
  refused = 0
  for place in range(8 * len(written)):
    damaged = bytearray(written)
    damaged[place // 8] ^= 1 << place % 8
    try:
      found = checksum.loads(damaged.decode())
    except ValueError:
      refused += 1
      continue
    # In white space, or in the name of the checksum, which is then one more entry.
    known = checksum.loads(written.decode())
    assert known.items() <= found.items() and len(found) <= len(known) + 1, place
  assert refused > 0.9 * 8 * len(written.replace(b' ', b''))


def test_a_file_that_somebody_edited_says_how_to_keep_it():
  changed = json.loads(checksum.dumps(CONTENT)) | {'n': 1}
  with pytest.raises(ValueError, match='has changed .* delete the entry "sha256"'):
    checksum.loads(json.dumps(changed))
  del changed['sha256']
  assert checksum.loads(json.dumps(changed))['n'] == 1


def test_a_changed_configuration_is_named():
  text = config_lib.to_json(config_lib.make('cyclegan'))
  assert config_lib.from_json(text, 'run/config.json') == config_lib.make('cyclegan')
  with pytest.raises(UserError, match=r'run/config.json .* has changed since it was written'):
    config_lib.from_json(
      text.replace('"cycle_weight": 10', '"cycle_weight": 11'), 'run/config.json'
    )

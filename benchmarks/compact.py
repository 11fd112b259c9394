"""JSON of many figures, in little space."""

from collections.abc import Mapping
import json
from typing import Any


def text(content: Mapping[str, Any]) -> str:
  """Returns JSON with a line for each entry of the outermost object."""
  lines = (f'{json.dumps(name)}: {json.dumps(value)}' for name, value in content.items())
  return '{\n' + ',\n'.join(lines) + '\n}\n'

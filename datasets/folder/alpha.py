"""Thermal images in the alpha channel of RGB ones, as some published data sets store them."""

import pathlib
import shlex

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, reading
from datasets.folder import layouts

# So many files are looked at.
_SAMPLED = 4
_EXTENSIONS = ('.png', '.tif', '.tiff')
# imagecodecs keeps 16 bits.
_COMMAND = (
  'python -c "import pathlib, sys, imagecodecs as c; old, new = map(pathlib.Path, sys.argv[1:]); '
  'new.mkdir(); [c.imwrite(new / f.name, c.imread(f)[..., 3].copy()) for f in old.iterdir()]"'
)


def hint(source: pathlib.Path) -> str:
  """Returns what to do if the images of a folder hold a thermal one in their alpha channel, or ''.

  It is for messages about folders in which no IR images are found. It begins with a line break.
  """
  try:
    files = [f.path for f in layouts.scan(source) if f.path.lower().endswith(_EXTENSIONS)]
    sample = files[:: -(-len(files) // _SAMPLED) or 1]
    if not sample or not all('picture' in reading.read(path).lost for path in sample):
      return ''
  except (UserError, images.ImageError):
    return ''
  folder = pathlib.Path(sample[0]).parent
  new = folder.with_name(f'{folder.name}_ir')
  names = ' '.join(shlex.quote(str(path)) for path in (folder, new))
  return (
    f'\nThe fourth channel of {sample[0]} looks like an image of its own, perhaps the thermal one. '
    f'To take it out into a folder {new.name}:\n  {_COMMAND} {names}\nThen name both folders, '
    f'--rgb_dir={folder.name} --ir_dir={new.name}; the fourth channel of RGB images is left out.'
  )

"""Translates an image with an exported program; needs jax, flatbuffers, numpy and pillow alone.

python stablehlo_translate.py model.stablehlo photo.jpg ir.png
"""

import sys
import zipfile

import jax.export
import numpy as np
from PIL import Image, ImageOps

model, source, target = sys.argv[1:]
with zipfile.ZipFile(model) as archive:
  print(archive.read('metadata.json').decode())
  program = jax.export.deserialize(bytearray(archive.read('program')))
image = ImageOps.exif_transpose(Image.open(source))
if image.mode[0] in 'IF':
  sys.exit('Pillow cannot convert images of 16 or 32 bits: read them with another package.')
image = image.convert('RGB')
result = np.asarray(program.call(np.asarray(image)[np.newaxis]))[0]
Image.fromarray(result.squeeze(-1) if result.shape[-1] == 1 else result).save(target)

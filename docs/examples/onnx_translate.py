"""Translates an image with an exported model; needs numpy, pillow and onnxruntime alone.

python onnx_translate.py model.onnx photo.jpg ir.png
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
for name, value in session.get_modelmeta().custom_metadata_map.items():
  print(f'{name}: {value}')
pixels = session.get_inputs()[0]  # uint8 or uint16 [batch, height, width, channels], any size
channels = pixels.shape[3]
image = ImageOps.exif_transpose(Image.open(source))
if image.mode[0] in 'IF':
  sys.exit('Pillow cannot convert images of 16 or 32 bits: read them with another package.')
image = image.convert('RGB' if channels == 3 else 'L')
array = np.asarray(image).reshape(1, image.height, image.width, channels)
if pixels.type == 'tensor(uint16)':
  array = array.astype(np.uint16) * 257
result = session.run(None, {pixels.name: array})[0][0]
Image.fromarray(result.squeeze(-1) if result.shape[-1] == 1 else result).save(target)

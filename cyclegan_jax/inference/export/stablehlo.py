"""StableHLO files of a generator, from pixels to pixels, for JAX versions of the next six months.

A file is an uncompressed ZIP archive of `program`, in the format of jax.export, and
`metadata.json`.
"""

from collections.abc import Callable, Mapping
import json
import pathlib
import zipfile

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.inference.export.program import Program, Run

PLATFORMS = ('cpu', 'cuda', 'rocm', 'tpu')
PROGRAM, METADATA = 'program', 'metadata.json'


def write(file: pathlib.Path, program: Program, metadata: Mapping[str, str]) -> None:
  """Writes a StableHLO file for every platform."""
  shape = jax.export.symbolic_shape(f'batch, height, width, {program.domains[0].channels}')
  planes = {name: jax.ShapeDtypeStruct(shape[:3], dtype) for name, dtype in program.layers.items()}
  # GPUs and TPUs would otherwise multiply with fewer bits.
  with jax.default_matmul_precision('highest'):
    exported = jax.export.export(jax.jit(_translation(program)), platforms=PLATFORMS)(
      jax.ShapeDtypeStruct(shape, program.dtypes[0]), **planes
    )
  with zipfile.ZipFile(file, 'w') as archive:
    archive.writestr(PROGRAM, exported.serialize())
    archive.writestr(METADATA, json.dumps(dict(metadata), indent=2) + '\n')


def load(file: pathlib.Path) -> Run:
  """Loads a file to run it on JAX's first device."""
  with zipfile.ZipFile(file) as archive:
    call = jax.export.deserialize(bytearray(archive.read(PROGRAM))).call
  return lambda pixels, **layers: np.asarray(call(pixels, **layers))


def _translation(program: Program) -> Callable[..., jax.Array]:
  (source, target), limit, multiple = program.domains, program.limit, program.model.multiple
  generator = program.generator
  # NumPy arrays become part of the program.
  params, batch_stats = jax.tree.map(np.asarray, (generator.params, generator.batch_stats))

  def translate(pixels: jax.Array, **layers: jax.Array) -> jax.Array:
    height, width = pixels.shape[1:3]
    x = source.normalization.forward(pixels.astype(jnp.float32))
    x = source.inputs.seen(x, layers, jnp) if source.inputs else x
    for axis in (1, 2):
      x = _mirrored(x, axis, multiple)
    y, _ = generator.net(params, batch_stats, x, training=False)
    y = target.normalization.inverse(y[:, :height, :width])
    y = jnp.clip(jnp.rint(y * (limit / target.max_value)), 0, limit)
    return y.astype(program.dtypes[1])

  translate.__name__ = program.direction
  return translate


def _mirrored(x: jax.Array, axis: int, multiple: int) -> jax.Array:
  """Mirrors an image at the end of an axis, repeatedly, up to a size that is a multiple."""
  n = x.shape[axis]
  there = jnp.arange((n + multiple - 1) // multiple * multiple) % (2 * n)
  return jnp.take(x, jnp.minimum(there, 2 * n - 1 - there), axis=axis)

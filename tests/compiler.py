"""How the tests' programs are compiled: in a hurry, since each of them runs a few times."""

import importlib.metadata

# XLA's older emitters on one thread take less than half the time. JAX 0.12 does not have them.
_QUICK = '--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1'
_HURRY = _QUICK if importlib.metadata.version('jaxlib').startswith('0.10.') else ''


def xla_flags(devices: int = 1) -> str:
  """The variable XLA_FLAGS for so many virtual devices."""
  return f'{_HURRY} --xla_force_host_platform_device_count={devices}'.strip()

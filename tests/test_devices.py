"""How programs run on this process's devices."""

import subprocess
import sys


def test_a_program_on_a_cpu_is_done_when_its_call_returns():
  # Then what it took is free. By default JAX returns at once, and this takes a tenth of a second.
  code = """
import jax
import jax.numpy as jnp
from cyclegan_jax import devices

devices.check()
x = jnp.ones((8192, 16))
print(jax.jit(lambda x: jnp.sin(x @ x.T) @ x).lower(x).compile()(x).is_ready())
"""
  done = subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, check=True)
  assert done.stdout == 'True\n'

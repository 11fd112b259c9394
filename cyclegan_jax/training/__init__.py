"""Training: losses, the compiled step, checkpoints, the loop, and the hooks beside its steps.

The loop and its hooks touch files and clocks; steps and losses are pure functions.
"""

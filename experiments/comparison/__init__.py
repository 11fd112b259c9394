"""The planner behind experiments.compare: it trains and measures several models with several seeds.

recipes.py says how each model is trained, plan.py what is compared with what, and jobs.py runs what
is missing. cyclegan_jax/comparison computes what the runs show, cyclegan_jax/reports draws it.
"""

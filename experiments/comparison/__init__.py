"""The planner behind experiments.compare: it trains and measures several models with several seeds.

recipes.py says how each model is trained, plan.py what is compared with what, plan_file.py keeps
that in DIR/plan.json, and jobs.py runs what is missing. What the runs show is computed by
cyclegan_jax/comparison and drawn by cyclegan_jax/reports.
"""

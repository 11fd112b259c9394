"""Checkpoints of published PyTorch code, as trained models."""

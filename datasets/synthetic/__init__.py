"""Rendered RGB and thermal-infrared image pairs of street scenes."""

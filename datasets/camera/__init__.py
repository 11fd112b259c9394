"""Radiometric JPEG files of thermal cameras: degrees, the photograph, and how it lies on them."""

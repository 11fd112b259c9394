"""Pairs in Parquet files, as Hugging Face's hub has them."""

"""The commands: flags in, one call into the library, files out."""

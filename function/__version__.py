"""The version of the package, of the Crossplane packages and of the image."""

__version__ = "0.1.0"

"""Stanch takes API security findings and sees each one through to a proven fix."""

__version__ = "0.1.0"

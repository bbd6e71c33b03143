"""Zhiku (知库): a self-hosted knowledge-base server that speaks Dify's Knowledge API."""

__version__ = "0.1.0"

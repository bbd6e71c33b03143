"""Measures Zhiku against a bare server on the same machine, in the same run (`make bench`)."""

"""`python -m zhiku`, which is how a server starts its worker."""

from zhiku.cli import app

app()

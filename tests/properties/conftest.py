"""How long one example takes says nothing where other programs run beside it."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

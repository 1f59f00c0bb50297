"""Settings shared by all tests."""

from hypothesis import settings

# No deadline: the first example of a test pays for imports, and machines differ. The same examples
# on every run: a failure seen once can be seen again.
settings.register_profile("reproducible", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("reproducible")

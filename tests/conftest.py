"""Settings shared by all tests."""

import os

from hypothesis import HealthCheck, settings

# mutmut runs the same tests twice in one process, which hypothesis takes for a mistake.
mutated = [HealthCheck.differing_executors] if "MUTANT_UNDER_TEST" in os.environ else []
# No deadline: the first example of a test pays for imports, and machines differ. The same examples
# on every run: a failure seen once can be seen again.
settings.register_profile(
    "reproducible",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=mutated,
)
settings.load_profile("reproducible")

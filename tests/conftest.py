"""Settings shared by all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

# `make mutants` runs the same tests over and over in one process, which hypothesis takes for a
# mistake, and asks only whether they fail: the smallest example that does so is not looked for.
mutated = "MUTANT_UNDER_TEST" in os.environ
# No deadline: the first example of a test pays for imports, and machines differ. The same examples
# on every run: a failure seen once can be seen again.
settings.register_profile(
    "reproducible",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.differing_executors] if mutated else [],
    phases=[Phase.explicit, Phase.generate] if mutated else list(Phase),
)
settings.load_profile("reproducible")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """A process that is killed loses nothing that it wrote, and no test turns the power off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpo_builder.fetching.fetch_errors import FetchError, FetchReason
from vpo_builder.fetching.pace import Breaker, Pace, seconds_to_wait
from vpo_builder.fetching.settings import RetrySettings, load_fetch_settings
from vpo_builder.runtime.errors import InputError

SETTINGS = RetrySettings(attempts=4, backoff_seconds=2.0, longest_wait_seconds=60.0, breaker_run=3)
REFUSED = FetchError(FetchReason.BOT_CHECK)


@given(st.text(), st.integers(1, 3))
def test_waits_double_and_are_drawn_between_half_and_all(record: str, attempt: int) -> None:
    error = FetchError(FetchReason.SERVER_ERROR)
    wait = seconds_to_wait(record, attempt, error, SETTINGS)
    assert wait == seconds_to_wait(record, attempt, error, SETTINGS)
    assert wait is not None
    assert 2.0 ** (attempt - 1) <= wait <= 2.0**attempt


def test_records_that_failed_together_do_not_come_back_together() -> None:
    error = FetchError(FetchReason.TIMED_OUT)
    waits = {seconds_to_wait(str(n), 1, error, SETTINGS) for n in range(100)}
    assert len(waits) > 90


def test_a_server_is_never_asked_sooner_than_it_wants() -> None:
    for asked, wait in ((30.0, 30.0), (60.0, 60.0), (61.0, None)):
        error = FetchError(FetchReason.RATE_LIMITED, "", asked)
        assert seconds_to_wait("x", 1, error, SETTINGS) == wait


def test_what_is_gone_or_was_asked_for_often_enough_is_not_asked_for_again() -> None:
    assert seconds_to_wait("x", 1, FetchError(FetchReason.GONE), SETTINGS) is None
    assert seconds_to_wait("x", 4, FetchError(FetchReason.DNS), SETTINGS) is None


def test_the_breaker_opens_after_a_run_of_different_records() -> None:
    breaker = Breaker(3)
    for record in ("a", "a", "a", "b"):
        breaker.note(record, REFUSED)
    assert not breaker.open, "the same record again is no run"
    breaker.note("x", FetchError(FetchReason.TIMED_OUT))
    breaker.note("c", FetchError(FetchReason.RATE_LIMITED))
    assert breaker.open, "a time-out says nothing about being welcome"
    breaker.note("d", None)
    assert breaker.open, "and open it stays"


@pytest.mark.parametrize("answer", [None, FetchError(FetchReason.VIDEO_PRIVATE)])
def test_an_answer_of_any_kind_ends_the_run(answer: FetchError | None) -> None:
    breaker = Breaker(2)
    for record, error in (("a", REFUSED), ("b", answer), ("c", REFUSED)):
        breaker.note(record, error)
    assert not breaker.open


def test_starts_are_spread_over_the_hour() -> None:
    pace = Pace(3600 / 0.05)
    began = time.monotonic()
    for _ in range(5):
        time.sleep(pace.wait())
        pace.started()
    assert 0.2 <= time.monotonic() - began < 2.0
    pace.pause(0.5)
    assert 0.3 < pace.wait() <= 0.5
    assert Pace(0).wait() == 0


def test_settings_of_fetching_are_checked() -> None:
    defaults = load_fetch_settings()
    assert defaults.rate.youtube_per_hour == 300
    for override, said in (
        (
            "retry.attempts=0",
            r"setting fetch\.retry\.attempts: 0 is outside \[1, 1000\]: give a value in",
        ),
        ("estimate.clips_gone=1.0", r"fetch\.estimate\.clips_gone: 1\.0 is outside \[0, 1\)"),
        ("nonsense.x=1", "unknown setting 'nonsense'"),
        ("network.connections=many", "setting fetch.network.connections: Expected"),
    ):
        with pytest.raises(InputError, match=said):
            load_fetch_settings([override])

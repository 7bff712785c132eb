"""What came of a call, folded into the job."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.errors import (
    AuthError,
    BadRequestError,
    ConnectFailedError,
    DecodeError,
    JobTransitionError,
    MissingKeyError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    ServerError,
    ServerTimeoutError,
    StatusError,
    TimedOutError,
    TransportError,
    VeError,
)
from ve_magics.jobs import (
    TRANSITIONS,
    Expire,
    Fetch,
    Job,
    JobFailure,
    JobReply,
    JobState,
    Poll,
    RemoteState,
    Settle,
    Submit,
    Timing,
    VideoRequest,
    applied,
    certainly_not_made,
    expired,
    lost,
    matching,
    missed,
    moved,
    next_step,
    refused,
    retried,
    submitting,
    unfetched,
)

REQUEST = VideoRequest(prompt="a fox", model="m")
QUEUED = Job(id="j", provider="p", request=REQUEST, created=1.0)
SUBMITTING = submitting(QUEUED, 2.0)
RUNNING = applied(SUBMITTING, JobReply(provider_job_id="v", raw_status="queued"), 3.0)


def status_error(kind: type[StatusError], status: int, code: str | None = None) -> VeError:
    return kind("no", status=status, code=code)


def test_a_move_that_the_table_lacks_is_a_bug() -> None:
    """Every pair of states is allowed exactly where the table has it."""
    for before, ways in TRANSITIONS.items():
        job = Job(
            id="j",
            provider="p",
            request=REQUEST,
            state=before,
            provider_job_id="v",
            path="x.mp4",
            failure=JobFailure("no"),
        )
        for after in get_args(JobState):
            if after in ways:
                assert moved(job, 9.0, after).state == after
            else:
                with pytest.raises(JobTransitionError, match=f"from {before} to {after}"):
                    moved(job, 9.0, after)


def test_a_state_keeps_its_promise() -> None:
    """No job runs without the provider's id, succeeds without a file, or fails without a reason."""
    with pytest.raises(JobTransitionError, match="id"):
        moved(SUBMITTING, 9.0, "running")
    with pytest.raises(JobTransitionError, match="file"):
        moved(RUNNING, 9.0, "succeeded")
    with pytest.raises(JobTransitionError, match="reason"):
        moved(RUNNING, 9.0, "failed")


def test_fields_may_change_without_a_move() -> None:
    """What becomes known later is written into a job that stays where it is."""
    done = moved(RUNNING, 8.0, "succeeded", path="x.mp4")
    later = moved(done, 9.0, poster="x.jpg")
    assert (later.state, later.poster, later.updated) == ("succeeded", "x.jpg", 9.0)


def test_submitting_counts_the_calls() -> None:
    """Each create call is counted before it is sent; a repeated one keeps its key and state."""
    assert (SUBMITTING.state, SUBMITTING.attempts, SUBMITTING.submitted) == ("submitting", 1, 2.0)
    again = submitting(SUBMITTING, 5.0)
    assert (again.state, again.attempts, again.key) == ("submitting", 2, SUBMITTING.key)


def test_a_reply_is_folded_in() -> None:
    """Everything that a provider says lands in the job; what it leaves out is kept; progress never goes back."""
    first = applied(
        RUNNING,
        JobReply(
            provider_job_id="v",
            state="running",
            raw_status="in_progress",
            progress=0.5,
            urls=("u",),
            expires_at=99.0,
            cost=0.4,
            seconds=8.0,
            size="1280x720",
            poll_after=1.0,
            revised_prompt="A fox.",
            handle={"a": 1},
        ),
        4.0,
    )
    second = applied(
        moved(first, 4.0, failures=3, note="x"),
        JobReply(state="running", progress=0.25, handle={"b": 2}),
        5.0,
    )
    assert second == moved(
        first, 5.0, raw_status="", contact=5.0, polls=2, wait=None, handle={"a": 1, "b": 2}
    )
    assert (second.progress, second.urls, second.cost, second.revised_prompt) == (0.5, ("u",), 0.4, "A fox.")


def test_the_answer_to_a_create_call_is_not_a_poll() -> None:
    """The first poll comes soon after the create call."""
    assert (RUNNING.polls, RUNNING.remote, RUNNING.state) == (0, "queued", "running")


def test_success_waits_for_the_file() -> None:
    """A provider's success leaves the job running until the file is on this machine."""
    job = applied(RUNNING, JobReply(state="succeeded"), 4.0)
    assert (job.state, job.remote, job.progress) == ("running", "succeeded", 1.0)


def test_the_other_ends_end_the_job() -> None:
    """Failure keeps its reason, also where the provider gives none; cancelled and expired are told apart."""
    reason = JobFailure("moderated", "content_filter", "moderation_blocked")
    assert applied(RUNNING, JobReply(state="failed", failure=reason), 4.0).failure == reason
    silent = applied(SUBMITTING, JobReply(state="failed"), 4.0)
    assert silent.state == "failed"
    assert silent.failure is not None
    assert silent.failure.message
    assert applied(RUNNING, JobReply(state="cancelled"), 4.0).state == "cancelled"
    gone = applied(SUBMITTING, JobReply(provider_job_id="v", state="expired"), 4.0)
    assert gone.state == "expired"
    assert gone.failure is not None


def test_a_reply_without_an_id_cannot_start_a_job() -> None:
    """A create call's answer without an id is an error of whoever decoded it."""
    with pytest.raises(JobTransitionError, match="id"):
        applied(SUBMITTING, JobReply(), 4.0)


def test_a_failed_poll_never_ends_a_job() -> None:
    """Network, server and key troubles are noted and waited out, with the provider's own wait."""
    job = missed(RUNNING, RateLimitError("slow", status=429, retry_after=7.0), 4.0)
    assert (job.state, job.failures, job.wait, job.note) == ("running", 1, 7.0, "slow")
    for _ in range(50):
        job = missed(job, TransportError("broke"), 5.0)
    assert job.state == "running"
    assert missed(job, MissingKeyError("no key"), 6.0).note == "no key"


def test_a_job_that_is_not_found_again_and_again_has_expired() -> None:
    """One 404 may come too early; five in a row mean that the provider has forgotten the job."""
    job, error = RUNNING, NotFoundError("gone", status=404)
    for _ in range(4):
        job = missed(job, error, 5.0)
        assert job.state == "running"
    assert missed(job, error, 6.0).state == "expired"


@pytest.mark.parametrize(
    ("error", "sure"),
    [
        (status_error(BadRequestError, 400), True),
        (status_error(AuthError, 401), True),
        (status_error(RateLimitError, 429), True),
        (status_error(ServerError, 200), True),
        (status_error(ServerTimeoutError, 408), False),
        (status_error(ServerTimeoutError, 499), False),
        (status_error(ServerError, 500), False),
        (status_error(OverloadedError, 502), False),
        (status_error(OverloadedError, 503), False),
        (status_error(OverloadedError, 503, code="server_overloaded"), True),
        (status_error(ServerTimeoutError, 504, code="timeout"), False),
        (ConnectFailedError("refused"), True),
        (TimedOutError("slow", phase="connect"), True),
        (TimedOutError("slow", phase="total"), False),
        (TransportError("broke"), False),
        (DecodeError("garbled"), False),
        (DecodeError("a web page", retryable=False), True),
        (MissingKeyError("no key"), True),
    ],
)
def test_only_what_certainly_made_nothing_may_be_sent_again(error: VeError, sure: bool) -> None:
    """A lost answer, a gateway's failure and a reply that can't be read all leave open whether a video is being made."""
    assert certainly_not_made(error) is sure


def test_a_refused_call_is_tried_again_a_few_times() -> None:
    """A rate limit puts the job back in the queue, until it is enough; then it failed for that reason."""
    error, timing = (
        RateLimitError("slow", status=429, code="rate", retry_after=3.0, hint="wait"),
        Timing(submits=2),
    )
    again = refused(SUBMITTING, error, 4.0, timing)
    assert (again.state, again.wait, again.note) == ("queued", 3.0, "slow")
    failed = refused(submitting(again, 5.0), error, 6.0, timing)
    assert failed.failure == JobFailure("slow", "rate_limit", "rate", "wait")


def test_what_waiting_does_not_mend_fails_at_once() -> None:
    """A bad request, a missing key and a refused connection's last attempt end the job with their reason."""
    assert refused(SUBMITTING, BadRequestError("no", status=400), 4.0).failure == JobFailure(
        "no", "bad_request"
    )
    assert refused(SUBMITTING, MissingKeyError("key", hint="set it"), 4.0).failure == JobFailure(
        "key", "bad_request", hint="set it"
    )
    last = moved(SUBMITTING, 4.0, attempts=9)
    assert refused(last, ConnectFailedError("refused"), 4.0).failure == JobFailure("refused", "network")


def test_a_lost_answer_leaves_the_job_unknown() -> None:
    """Without idempotency keys nobody can tell; with them the same call goes out again."""
    assert lost(SUBMITTING, 4.0).state == "unknown"
    assert lost(SUBMITTING, 4.0, honours_keys=True).state == "queued"


def test_a_file_that_does_not_come_is_asked_for_again() -> None:
    """Each failure polls anew, for fresh links; after enough of them, or where it is final, the job has failed."""
    ready = applied(RUNNING, JobReply(state="succeeded", urls=("u",)), 4.0)
    job, timing = ready, Timing(fetches=3)
    for count in (1, 2):
        job = unfetched(job, "broke", 5.0, timing)
        assert (job.state, job.fetches, job.remote, job.note) == ("running", count, None, "broke")
    job = unfetched(job, "broke", 6.0, timing)
    assert job.state == "failed"
    assert job.failure is not None
    assert "v" in job.failure.hint
    assert unfetched(ready, "too large", 5.0, tries=1).state == "failed"
    twice = unfetched(ready, "a web page", 5.0, tries=2)
    assert (twice.state, unfetched(twice, "a web page", 6.0, tries=2).state) == ("running", "failed")
    assert unfetched(ready, "empty", 5.0, Timing(fetches=1), tries=3).state == "failed"


def test_a_failed_fetch_can_be_taken_up_again() -> None:
    """The provider's video isn't lost with the try: the job is polled and fetched from the start."""
    job = unfetched(applied(RUNNING, JobReply(state="succeeded"), 4.0), "no", 5.0, tries=1)
    again = retried(job, 1000.0)
    assert (again.state, again.fetches, again.failure, again.submitted) == ("running", 0, None, 1000.0)
    with pytest.raises(JobTransitionError, match="id"):
        retried(refused(SUBMITTING, BadRequestError("no", status=400), 4.0), 5.0)


def test_an_expired_job_says_what_to_do() -> None:
    """A result that is gone is named, with the only way left."""
    failure = expired(RUNNING, 9.0).failure
    assert failure is not None
    assert "paid again" in failure.hint


def listed(**fields: object) -> JobReply:
    return JobReply(**{"provider_job_id": "v1", "created": 100.0, "prompt": "a fox", "model": "m", **fields})  # type: ignore[arg-type]  # as above


def test_a_lost_job_is_found_only_where_it_is_the_only_one() -> None:
    """One new video with this prompt and model is ours; none, two, an older, another job's or a foreign one isn't."""
    job = lost(submitting(QUEUED, 100.0), 101.0)
    ours = listed()
    assert matching(job, [ours, listed(provider_job_id="v2", prompt="a cat")], ()) == ours
    assert matching(job, [listed(model="")], ()) == listed(model="")
    assert matching(job, [], ()) is None
    assert matching(job, [ours, listed(provider_job_id="v2")], ()) is None
    assert matching(job, [ours], {"v1"}) is None
    assert matching(job, [listed(created=300.0)], ()) is None
    assert matching(job, [listed(created=None)], ()) is None
    assert matching(job, [listed(model="other")], ()) is None
    assert matching(job, [listed(provider_job_id="")], ()) is None


replies = st.builds(
    JobReply,
    provider_job_id=st.sampled_from(["v", "w"]),
    state=st.sampled_from(get_args(RemoteState)),
    progress=st.none() | st.floats(0, 1),
    urls=st.sampled_from([(), ("https://x.test/v",)]),
    poll_after=st.none() | st.floats(0, 100),
)
errors: st.SearchStrategy[VeError] = st.sampled_from(
    [
        RateLimitError("slow", status=429),
        BadRequestError("no", status=400),
        NotFoundError("gone", status=404),
        ServerError("500", status=500),
        ConnectFailedError("refused"),
        TimedOutError("slow", phase="total"),
        MissingKeyError("no key"),
    ]
)
CRASH = "crash"


@given(
    events=st.lists(st.one_of(replies, errors, st.just(CRASH)), max_size=60),
    keys=st.booleans(),
)
def test_no_sequence_of_events_makes_two_videos(events: list[JobReply | VeError | str], keys: bool) -> None:
    """Whatever comes in whatever order, the machine never breaks a rule of its table, never sends a second create call
    after one that may have made a video (unless the provider honours keys), and a finished job stays finished."""
    job, now, maybe_made, progress = QUEUED, 10.0, False, 0.0
    for event in events:
        step = next_step(job, now, lambda: 0.5, honours_keys=keys)
        if isinstance(step, (Submit, Poll, Fetch)):
            now = max(now, step.at)
        match step:
            case Submit():
                assert keys or not maybe_made
                job = submitting(job, now)
                if isinstance(event, JobReply):
                    job, maybe_made = applied(job, event, now), True
                elif isinstance(event, VeError):
                    if certainly_not_made(event):
                        job = refused(job, event, now)
                    else:
                        job, maybe_made = lost(job, now, honours_keys=keys), True
                else:
                    maybe_made = True
            case Poll():
                if isinstance(event, JobReply):
                    job = applied(job, event, now)
                elif isinstance(event, VeError):
                    job = missed(job, event, now)
            case Fetch():
                if isinstance(event, JobReply):
                    job = moved(job, now, "succeeded", path="x.mp4")
                elif isinstance(event, VeError):
                    job = unfetched(job, event.message, now)
            case Expire():
                job = expired(job, now)
            case Settle():
                if job.state == "submitting":
                    job = lost(job, now)
                if isinstance(event, JobReply):
                    job = applied(job, event, now)
            case _:
                assert job.finished
                break
        assert job.progress is None or job.progress >= progress
        progress = job.progress or progress
        assert job.state != "succeeded" or job.path
        assert job.state != "running" or job.provider_job_id


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("", True),
        ("film", True),
        ("sim/film", True),
        ("film-2026-01-01", True),
        ("films", False),
        ("other", False),
    ],
)
def test_a_provider_may_add_a_maker_or_a_date_to_a_models_name(said: str, same: bool) -> None:
    """A video in a list is this job's although its model is called by a longer name."""
    job = Job(id="j", provider="p", request=VideoRequest(prompt="A fox", model="film"), state="unknown")
    listed = JobReply(provider_job_id="v", prompt="A fox", created=1.0, model=said)
    assert (matching(job, [listed], ()) is not None) is same


def test_twins_share_what_a_list_holds() -> None:
    """As many videos as lost jobs that asked for the same: the oldest is taken. One more, and it would be a guess."""
    job = Job(id="j", provider="p", request=VideoRequest(prompt="A fox", model="film"), state="unknown")
    listed = [
        JobReply(provider_job_id=name, prompt="A fox", created=at) for name, at in (("b", 2.0), ("a", 1.0))
    ]
    assert matching(job, listed, (), twins=2) == listed[1]
    assert matching(job, listed, (), twins=1) is None
    assert matching(job, listed, ("a",), twins=1) == listed[0]

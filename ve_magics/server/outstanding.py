"""What videos will cost that are ordered and not yet in the books."""

from __future__ import annotations

from ve_magics.engine.session import Session
from ve_magics.jobs import UNFINISHED, Job, VideoRequest
from ve_magics.routing import Target


def film_price(
    session: Session, request: VideoRequest, target: Target, parent: Job | None = None
) -> float | None:
    """Return what a video would cost in US dollars; None where its price or its length isn't known.

    Args:
        session: Knows the prices.
        request: What is to be filmed.
        target: Who is to make it.
        parent: The job whose video it changes; it lasts as long.
    """
    return session.filming.price(request, target, parent)


def outstanding(session: Session, owner: str | None) -> float:
    """Return the US dollars that videos in the making will cost, as far as that is known.

    Args:
        session: Has the jobs.
        owner: Only those of this holder, as the books call it; None counts everybody's, notebooks included.
    """
    jobs = session.filming.jobs
    prices = (
        film_price(
            session,
            job.request,
            Target(job.provider, job.model),
            jobs.get(job.parent) if job.parent else None,
        )
        for job in jobs.find(notebook=owner, states=UNFINISHED)
        if job.remote != "succeeded"  # those are in the ledger
    )
    return sum(price for price in prices if price is not None)

"""Posts in a community, answers of peers, and solutions that are accepted or revoked."""

from typing import Any

from tests.support.streams.events import event, message, opened


def post(about: str, *, at: str, **data: Any) -> Any:
    """Return the event of a customer who asks the community."""
    return opened(about, at=at, channel="community", **data)


def by_peer(about: str, *, at: str, **data: Any) -> Any:
    """Return the event of another customer who answers."""
    return message(about, at=at, by="peer", **data)


def accepted(about: str, *, at: str, by: str = "peer", **data: Any) -> Any:
    """Return the event of an accepted solution, a peer's unless another kind of author is given."""
    return event("solution.accepted", about, at=at, actor_kind=by, **data)


def unaccepted(about: str, *, at: str, by: str = "peer", **data: Any) -> Any:
    """Return the event that revokes the acceptance."""
    return event("solution.unaccepted", about, at=at, actor_kind=by, **data)

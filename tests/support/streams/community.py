"""Posts of a community, answers of peers, and solutions that are accepted or taken back."""

from typing import Any

from tests.support.streams.events import event, message, opened


def post(about: str, *, at: str, **data: Any) -> Any:
    """A customer asks the community."""
    return opened(about, at=at, channel="community", **data)


def by_peer(about: str, *, at: str, **data: Any) -> Any:
    """Another customer answers."""
    return message(about, at=at, by="peer", **data)


def accepted(about: str, *, at: str, by: str = "peer", **data: Any) -> Any:
    """A solution, a peer's unless somebody else is named, is accepted."""
    return event("solution.accepted", about, at=at, actor_kind=by, **data)


def unaccepted(about: str, *, at: str, by: str = "peer", **data: Any) -> Any:
    """It is taken back."""
    return event("solution.unaccepted", about, at=at, actor_kind=by, **data)

"""The script of one conversation: its planned events, and the actions that stories are made of.

A script has its own time, which `wait` advances. `speedup` divides all waits: 1 is the pace of real service, 20 makes
an hour three minutes, so that conversations end within a short demo.
"""

from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from pipeline.simulation.world import CHANNELS, QUEUE_OF_TOPIC, QUEUES, Customer

ESCALATION_TYPES = frozenset(("conversation.escalated", "bot.handed_off"))


def instant(at_ms: int) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{milliseconds:03d}Z"


class Planned(NamedTuple):
    """A planned event. `queue` and `channel` are those after it."""

    at_ms: int
    type: str
    data: dict[str, object]
    queue: str
    channel: str


class Script:
    """One conversation of one customer. `add` plans an event now; `followers` are the customer's next conversations."""

    __slots__ = (
        "agent_id",
        "channel",
        "conversation_id",
        "customer",
        "followers",
        "now_ms",
        "planned",
        "queue",
        "random",
        "root_id",
        "source",
        "speedup",
        "topic",
    )

    def __init__(
        self, random: Random, conversation_id: str, customer: Customer, channel: str, topic: str, at_ms: int,
        speedup: float, root_id: str = "",
    ) -> None:  # fmt: skip
        self.random = random
        self.conversation_id = conversation_id
        self.customer = customer
        self.channel = channel
        self.topic = topic
        self.queue = QUEUE_OF_TOPIC[topic]
        self.source = CHANNELS[channel].source
        self.agent_id = f"agent-{int(random.random() * 90):02d}"
        self.now_ms = at_ms
        self.speedup = speedup
        self.root_id = root_id  # of a transfer chain, else ''
        self.planned: list[Planned] = []
        # (channel, at_ms, root conversation or '') of the next conversations of this customer
        self.followers: list[tuple[str, int, str]] = []

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def wait(self, mean_seconds: float) -> None:
        """Advance the time: exponentially distributed with this mean, plus 0.2 s."""
        self.now_ms += 200 + int(self.random.expovariate(1.0) * mean_seconds * 1000 / self.speedup)

    def add(self, event_type: str, /, **data: object) -> None:
        self.planned.append(Planned(self.now_ms, event_type, data, self.queue, self.channel))

    def open(self, **more: object) -> None:
        customer, random = self.customer, self.random
        data: dict[str, object] = {
            "channel": self.channel,
            "customer_id": customer.customer_id,
            "actor_kind": "customer",
            "topic": self.topic,
            "tier": customer.tier,
            "language": customer.language,
            "cohort": customer.cohort,
            "priority": "urgent" if random.random() < 0.06 else "normal",
        }
        if random.random() < 0.5:
            data["direction"] = "inbound"
        if self.root_id:
            data["root_id"] = self.root_id
        if random.random() < 0.3:
            data["case_id"] = f"case-{customer.customer_id}-{self.topic}"
        is_queued_at_once = random.random() < 0.7
        if is_queued_at_once:
            data["queue"] = self.queue
        data |= more
        self.add("conversation.opened", **data)
        if not is_queued_at_once:
            self.wait(3)
            self.add("conversation.queued", queue=self.queue)

    def customer_says(self, **more: object) -> None:
        self.add("message.created", actor_kind="customer", customer_id=self.customer.customer_id, **more)

    def agent_says(self) -> None:
        self.add("message.created", actor_kind="agent", actor_id=self.agent_id, direction="outbound")

    def bot_says(self) -> None:
        self.add("message.created", actor_kind="bot", actor_id="bot-1")

    def note(self) -> None:
        self.add("message.created", actor_kind="agent", actor_id=self.agent_id, direction="internal")

    def assign(self) -> None:
        self.add("conversation.assigned", actor_id=self.agent_id, actor_kind="agent", queue=self.queue)

    def transfer(self, queue: str) -> None:
        self.queue = queue
        self.add("conversation.transferred", queue=queue, actor_id=self.agent_id, actor_kind="agent")
        self.agent_id = f"agent-{int(self.random.random() * 90):02d}"

    def pass_around(self, probability: float, mean_seconds: float) -> None:
        """Transfer the conversation up to three times, each with `probability`; one in four goes back."""
        before = self.queue
        for _ in range(3):
            if not self.chance(probability):
                return
            self.wait(mean_seconds)
            target = before if self.chance(0.25) else self.random.choice(QUEUES)
            if target != self.queue:
                before = self.queue
                self.transfer(target)

    def escalate(self, probability: float, mean_seconds: float) -> None:
        """Escalate with `probability`: functional to the second level (a transfer), hierarchical, rarely regulatory."""
        if not self.chance(probability):
            return
        self.wait(mean_seconds)
        dice = self.random.random()
        if dice < 0.55:
            self.add("conversation.escalated", kind="functional", level=2)
            if self.queue != "second_level":
                self.transfer("second_level")
        elif dice < 0.92:
            self.add("conversation.escalated", kind="hierarchical", level=2)
            if self.chance(0.2):
                self.wait(mean_seconds)
                self.add("conversation.escalated", kind="hierarchical", level=3)
        else:
            self.add("conversation.escalated", kind="regulatory")

    def hand_off(self) -> None:
        """Hand over from bot to human. Sources report that by one event, the other, or both."""
        dice = self.random.random()
        if dice < 0.9:
            self.add("bot.handed_off", queue=self.queue)
        if dice > 0.8:
            self.now_ms += 100
            self.add("conversation.escalated", kind="handoff")

    def pause(self, probability: float, mean_seconds: float) -> None:
        """Wait on the customer or a third party, with `probability`, then continue."""
        if not self.chance(probability):
            return
        self.wait(mean_seconds / 4)
        is_on_customer = self.chance(0.7)
        self.add("conversation.waiting", waiting_on="customer" if is_on_customer else "third_party")
        self.wait(mean_seconds)
        if is_on_customer and self.chance(0.5):
            self.customer_says()
        else:
            self.add("conversation.resumed")

    def dialogue(self, turns: int, customer_seconds: float, agent_seconds: float) -> None:
        """Let the agent answer, then customer and agent alternate."""
        for turn in range(turns):
            if turn:
                self.wait(customer_seconds)
                self.customer_says()
            self.wait(agent_seconds)
            self.agent_says()

"""The course of a conversation on each channel, from its opening to its end, which may never come.

A story takes a new script and the id of another conversation of the same source, to merge into. Waits are those of
ordinary service, in seconds.
"""

from collections.abc import Callable, Mapping

from pipeline.simulation.script import Script, instant

HOUR_SECONDS = 3600.0


def settle(script: Script, other_id: str, never: float = 0.015) -> None:
    """End the conversation: mostly resolved and closed, sometimes reopened or followed by a repeat contact."""
    dice = script.random.random()
    if dice < never:
        return
    if dice < never + 0.012 and other_id:
        script.add("conversation.merged", into_id=other_id)
        return
    if dice < never + 0.016:
        script.add("conversation.deleted")
        return
    if dice < never + 0.08:
        script.add("conversation.closed", actor_kind="agent", actor_id=script.agent_id)
        return
    script.add("conversation.resolved", actor_kind="agent", actor_id=script.agent_id)
    resolved_at_ms = script.now_ms
    if script.chance(0.02):
        script.wait(300)
        script.add("survey.answered", score=script.random.randint(1, 5))  # a type the contract does not know
    if script.chance(0.06):
        script.wait(8 * HOUR_SECONDS)
        script.add("conversation.reopened", actor_kind="customer")
        script.wait(5)
        script.customer_says()
        script.wait(HOUR_SECONDS)
        script.agent_says()
        script.wait(600)
        script.add("conversation.resolved", actor_kind="agent", actor_id=script.agent_id)
    if script.chance(0.1):  # a repeat contact, on the same channel or another
        channel = script.channel if script.chance(0.5) else _pick_channel(script)
        wait_ms = int(script.random.expovariate(1 / (10 * HOUR_SECONDS)) * 1000 / script.speedup)
        script.followers.append((channel, resolved_at_ms + 1000 + wait_ms, ""))
    if script.chance(0.6):
        script.wait(48 * HOUR_SECONDS)
        script.add("conversation.closed", actor_kind="system")


def _pick_channel(script: Script) -> str:
    return script.random.choice(("phone", "email", "web_chat", "messaging", "social_public"))


def phone(script: Script, other_id: str) -> None:
    """Play a call: it waits in the queue and may be abandoned, transferred, or continued by another call (a chain)."""
    script.open()
    if script.chance(0.08):
        script.wait(150)
        if script.chance(0.4):
            script.add("callback.requested", customer_id=script.customer.customer_id)
            script.wait(HOUR_SECONDS)
            script.add("callback.completed", actor_kind="agent", actor_id=script.agent_id)
            script.add("conversation.resolved", actor_kind="agent", actor_id=script.agent_id)
        else:
            script.add("conversation.abandoned", actor_kind="customer")
        return
    script.wait(70)
    script.assign()
    script.agent_says()
    script.pass_around(0.14, 120)
    script.escalate(0.05, 150)
    script.pause(0.05, 12 * HOUR_SECONDS)
    script.wait(240)
    if script.chance(0.04):
        script.add("conversation.closed", actor_kind="agent", actor_id=script.agent_id)
        script.followers.append(("phone", script.now_ms + 300, script.root_id or script.conversation_id))
        return
    settle(script, other_id)


def email(script: Script, other_id: str) -> None:
    """Play an e-mail: hours until the answer, some with the source's own SLA target, some wait on the customer."""
    if script.chance(0.06):
        due_at_ms = script.now_ms + int(4 * HOUR_SECONDS * 1000 / script.speedup)
        script.open(clock="first_response", due_at=instant(due_at_ms))
    elif script.chance(0.03):  # the company writes first
        script.open(direction="outbound", actor_kind="agent")
        script.wait(5 * HOUR_SECONDS)
    else:
        script.open()
    script.now_ms += 150
    script.customer_says()
    if script.chance(0.05):
        script.wait(600)
        due_at_ms = script.now_ms + int(24 * HOUR_SECONDS * 1000 / script.speedup)
        script.add("sla.target_set", clock="resolution", due_at=instant(due_at_ms))
    script.wait(HOUR_SECONDS)
    script.assign()
    script.pass_around(0.12, HOUR_SECONDS)
    if script.chance(0.15):
        script.note()
    script.dialogue(script.random.choice((1, 1, 2, 3)), 5 * HOUR_SECONDS, 1.5 * HOUR_SECONDS)
    script.escalate(0.06, 2 * HOUR_SECONDS)
    script.pause(0.2, 20 * HOUR_SECONDS)
    settle(script, other_id)


def chat(script: Script, other_id: str) -> None:
    """Play a chat on the web, in the app or a messenger: often a bot first, then a human, within minutes."""
    script.open()
    is_live = script.channel == "web_chat"
    seconds = 25.0 if is_live else 400.0
    script.wait(5)
    script.customer_says()
    if script.chance(0.5):
        for _ in range(script.random.choice((1, 2, 3))):
            script.wait(2)
            script.bot_says()
            script.wait(20)
            script.customer_says()
        if script.chance(0.45):
            script.bot_says()
            script.add("conversation.resolved", actor_kind="bot", actor_id="bot-1")
            return
        script.hand_off()
    if is_live and script.chance(0.05):
        script.wait(90)
        script.add("conversation.abandoned", actor_kind="customer")
        return
    script.wait(seconds)
    script.assign()
    script.dialogue(script.random.choice((1, 2, 3, 4)), seconds * 2, seconds)
    script.pass_around(0.07, seconds * 3)
    script.escalate(0.05, seconds * 4)
    script.wait(60)
    settle(script, other_id)


def public_post(script: Script, other_id: str) -> None:
    """Play a public post about the brand: shares and reactions with reach, and a public answer."""
    random, post = script.random, script.conversation_id
    followers = int(20 * random.paretovariate(0.9)) % 2_000_000
    script.open(thread_id=post, reach=followers, visibility="public")
    shares = min(40, int(random.paretovariate(0.8)) - 1)
    answer_after = random.randint(0, shares)
    for share in range(shares + 1):
        if share == answer_after:
            script.wait(900)
            script.agent_says()
        if share == shares:
            break
        script.wait(120)
        actor = f"person-{int(random.random() * 100_000)}"
        if script.chance(0.5):
            reach = int(10 * random.paretovariate(0.9)) % 500_000
            script.add("public.shared", actor_id=actor, thread_id=post, reach=reach)
        elif script.chance(0.7):
            script.add("public.reacted", actor_id=actor, thread_id=post, reach=0)
        else:
            script.add("message.created", actor_kind="peer", actor_id=actor, thread_id=post, reach=50)
    script.escalate(0.07, 600)
    if script.chance(0.2):  # continued in private
        script.channel = "social_private"
        script.add("conversation.transferred", channel="social_private")
        script.dialogue(2, 900, 600)
    settle(script, other_id, never=0.05)


def private_message(script: Script, other_id: str) -> None:
    """Play a direct message on a social network."""
    script.open()
    script.now_ms += 100
    script.customer_says()
    script.dialogue(script.random.choice((1, 2, 3)), 1200, 900)
    script.escalate(0.06, 900)
    settle(script, other_id)


def community(script: Script, other_id: str) -> None:
    """Play a question to the community: peers answer, often before the company; a solution may be accepted."""
    random = script.random
    script.open(thread_id=script.conversation_id, visibility="public", direction="inbound")
    script.wait(5)
    script.customer_says(thread_id=script.conversation_id)
    solver, solver_id = "", ""
    for _ in range(random.choice((0, 1, 2, 2, 3, 4))):
        script.wait(2 * HOUR_SECONDS)
        solver, solver_id = "peer", f"peer-{int(random.random() * 900)}"
        script.add("message.created", actor_kind="peer", actor_id=solver_id, reach=30)
    if script.chance(0.35):
        script.wait(HOUR_SECONDS)
        script.agent_says()
        solver, solver_id = "agent", script.agent_id
    if solver and script.chance(0.6):
        script.wait(3 * HOUR_SECONDS)
        script.add("solution.accepted", actor_kind=solver, actor_id=solver_id)
        if script.chance(0.05):
            script.wait(HOUR_SECONDS)
            script.add("solution.unaccepted", actor_kind=solver, actor_id=solver_id)
            return
        script.add("conversation.resolved", actor_kind="customer")
        return
    settle(script, other_id, never=0.25)


def self_service(script: Script, other_id: str) -> None:
    """Play a session with the help pages' bot: contained, abandoned, or handed over to a human in a chat."""
    script.open(direction="inbound")
    for _ in range(script.random.choice((1, 2, 3))):
        script.wait(15)
        script.customer_says()
        script.wait(1)
        script.bot_says()
    dice = script.random.random()
    if dice < 0.25:
        script.hand_off()
        script.channel = "web_chat"
        script.add("conversation.transferred", channel="web_chat", queue=script.queue)
        script.dialogue(2, 40, 40)
        settle(script, other_id)
    elif dice < 0.8:
        script.add("conversation.resolved", actor_kind="bot", actor_id="bot-1")
    else:
        script.wait(300)
        script.add("conversation.abandoned", actor_kind="customer")


STORIES: Mapping[str, Callable[[Script, str], None]] = {
    "phone": phone,
    "email": email,
    "web_chat": chat,
    "in_app": chat,
    "messaging": chat,
    "social_public": public_post,
    "social_private": private_message,
    "community": community,
    "self_service": self_service,
}


def escalate_at(script: Script, at_ms: int, event_type: str, data: dict[str, object]) -> None:
    """Play an additional conversation of a placed spike, which escalates at this instant."""
    script.open(queue=script.queue)
    script.now_ms = max(at_ms, script.now_ms + 1)
    script.add(event_type, **data)
    script.wait(300)
    script.agent_says()
    script.wait(900)
    script.add("conversation.resolved", actor_kind="agent", actor_id=script.agent_id)

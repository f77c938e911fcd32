"""Tenants, customers, channels, queues, and the distribution of traffic over the day.

Everything is made up; no number is from a real company. The distributions are what people in customer service expect:
the telephone in business hours, social media in the evening.
"""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# Relative traffic in each local hour of a working day.
BUSINESS_HOURS = (0, 0, 0, 0, 0, 0, 1, 4, 10, 14, 15, 13, 10, 11, 12, 11, 10, 8, 4, 2, 1, 0, 0, 0)
WAKING_HOURS = (2, 1, 1, 0, 0, 1, 2, 4, 8, 10, 10, 9, 9, 9, 8, 8, 8, 8, 8, 8, 8, 7, 5, 3)
EVENINGS = (4, 2, 1, 1, 1, 1, 2, 3, 4, 4, 4, 5, 6, 5, 5, 5, 6, 8, 11, 14, 15, 14, 11, 7)


class Channel(NamedTuple):
    """A channel: share of conversations, relative traffic by local hour, and ratio of weekend to weekday traffic."""

    weight: float
    hours: tuple[int, ...]
    weekend_ratio: float
    source: str


CHANNELS: Mapping[str, Channel] = {
    "phone": Channel(0.26, BUSINESS_HOURS, 0.25, "/simulated/telephony"),
    "email": Channel(0.20, WAKING_HOURS, 0.5, "/simulated/helpdesk"),
    "web_chat": Channel(0.15, WAKING_HOURS, 0.7, "/simulated/chat"),
    "in_app": Channel(0.07, EVENINGS, 1.1, "/simulated/app"),
    "messaging": Channel(0.10, EVENINGS, 0.9, "/simulated/messaging"),
    "social_public": Channel(0.06, EVENINGS, 1.2, "/simulated/social"),
    "social_private": Channel(0.04, EVENINGS, 1.1, "/simulated/social"),
    "community": Channel(0.05, EVENINGS, 1.3, "/simulated/community"),
    "self_service": Channel(0.07, WAKING_HOURS, 0.9, "/simulated/selfservice"),
}
CHANNEL_NAMES = tuple(CHANNELS)

QUEUE_OF_TOPIC = {
    "invoice": "billing",
    "refund": "billing",
    "parcel": "logistics",
    "return": "logistics",
    "login": "technical",
    "outage": "technical",
    "product": "sales",
    "contract": "sales",
    "complaint": "complaints",
}
TOPICS = tuple(QUEUE_OF_TOPIC)
QUEUES = (*dict.fromkeys(QUEUE_OF_TOPIC.values()), "second_level")
_TOPIC_WEIGHTS = (16, 9, 22, 12, 13, 5, 12, 7, 4)
_TENANTS, _TENANT_WEIGHTS = ("north", "south", "outlet"), (6, 3, 1)
_TIERS, _TIER_WEIGHTS = ("basic", "plus", "premium"), (70, 22, 8)
_LANGUAGES, _LANGUAGE_WEIGHTS = ("de", "en", "fr", "tr"), (70, 16, 8, 6)
_COHORTS = ("18-29", "30-44", "45-59", "60-74", "75+")
_COHORT_WEIGHTS = {"phone": (8, 17, 30, 30, 15), "email": (12, 28, 32, 22, 6)}
_YOUNGER_WEIGHTS = (34, 34, 20, 10, 2)


class Customer(NamedTuple):
    """A made-up customer, who belongs to one tenant."""

    customer_id: str
    tenant: str
    tier: str
    language: str
    cohort: str


def new_customer(random: Random, customer_id: str, channel: str) -> Customer:
    """Return a new customer, with an age band that depends on the channel."""
    return Customer(
        customer_id,
        random.choices(_TENANTS, _TENANT_WEIGHTS)[0],
        random.choices(_TIERS, _TIER_WEIGHTS)[0],
        random.choices(_LANGUAGES, _LANGUAGE_WEIGHTS)[0],
        random.choices(_COHORTS, _COHORT_WEIGHTS.get(channel, _YOUNGER_WEIGHTS))[0],
    )


def new_topic(random: Random) -> str:
    return random.choices(TOPICS, _TOPIC_WEIGHTS)[0]


def day_factor(channel: str, at_ms: int, utc_offset_minutes: int) -> float:
    """Return a channel's traffic at an instant relative to its weekly mean, linear between the middles of hours."""
    shape = CHANNELS[channel]
    local_ms = at_ms + utc_offset_minutes * 60_000
    weekday = (local_ms // DAY_MS + 3) % 7  # 1970-01-01 was a Thursday
    position = (local_ms % DAY_MS) / HOUR_MS - 0.5
    hour = int(position // 1)
    share = position - hour
    here = shape.hours[hour % 24] * (1 - share) + shape.hours[(hour + 1) % 24] * share
    mean_of_day = sum(shape.hours) / 24
    mean_of_week = mean_of_day * (5 + 2 * shape.weekend_ratio) / 7
    return here * (shape.weekend_ratio if weekday >= 5 else 1.0) / mean_of_week

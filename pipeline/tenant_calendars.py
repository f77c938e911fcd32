"""Local time and holidays by tenant, for what is usual in each hour of the week."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.days import time_zone
from streams.spikes.calendar import LocalTime

#: Holidays are known in these years.
YEARS = range(2000, 2100)


class TenantCalendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calendar of a tenant. What is left out is as for all: the reporting zone, `holidays` and `closed_days`."""

    #: IANA time zone of its customers.
    zone: str = ""
    #: Its countries, with a region where holidays depend on it: `US`, `DE-BY`; `[]` for none.
    holidays: list[str] | None = None
    #: Further days on which it is closed; `[]` for none.
    closed_days: list[date] | None = None


class SpikesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What days and hours are usual. The comment above a field is its text in `docs/reference/settings.md`."""

    #: Countries whose holidays are known, with a region where they depend on it: `US`, `DE-BY`. Whether a holiday is
    #: one for a series is learned.
    holidays: list[str] = []
    #: Further days that may be like Sundays, such as `2026-12-24`.
    closed_days: list[date] = []
    #: By tenant: `zone`, `holidays` and `closed_days` in place of the general ones. What is left out is as for all.
    tenants: dict[str, TenantCalendar] = {}


class LocalTimes(NamedTuple):
    """The local time of tenants without a calendar of their own, and that of the others by tenant."""

    default: LocalTime
    of_tenants: Mapping[str, LocalTime]


def local_times(config: SpikesConfig, reporting_zone: str) -> LocalTimes:
    """Return the local times. Raises ValueError for an unknown zone, country or region."""
    default = _local_time("", reporting_zone, config.holidays, config.closed_days)
    return LocalTimes(
        default,
        {
            tenant: _local_time(
                f"tenants.{tenant}.",
                own.zone or reporting_zone,
                config.holidays if own.holidays is None else own.holidays,
                config.closed_days if own.closed_days is None else own.closed_days,
            )
            for tenant, own in config.tenants.items()
        },
    )


def _local_time(where: str, zone: str, places: Iterable[str], closed_days: Iterable[date]) -> LocalTime:
    days = set(closed_days)
    for place in places:
        days |= _holidays(f"{where}holidays", place)
    return LocalTime(_zone(f"{where}zone", zone), days)


def _zone(where: str, name: str) -> ZoneInfo | None:
    return None if name == "UTC" else time_zone(where, name)


def _holidays(where: str, place: str) -> set[date]:
    # The library takes a tenth of a second to load, which commands without holidays should not.
    import holidays

    country, dash, region = place.partition("-")
    is_complete = country in holidays.list_supported_countries() and bool(region) == bool(dash)
    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=YEARS) if is_complete else None
    except NotImplementedError:
        found = None  # the region is unknown
    if found is None:
        raise ValueError(
            f"{where}: expected a country such as US, with a region where needed such as DE-BY, got {place!r}"
        )
    return set(found)

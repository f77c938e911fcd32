"""Holidays by country and region, days of the operator's own, and zones by tenant."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.errors import SettingsError
from pipeline.tenant_calendars import SpikesConfig, TenantCalendar, local_times


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


def test_holidays_are_those_of_the_country_and_region_in_local_time() -> None:
    found = local_times(SpikesConfig(holidays=["DE-BY"], closed_days=[date(2026, 12, 24)]), "Europe/Berlin").default
    # Epiphany is a holiday in Bavaria and not in Berlin; it begins at 23:00 UTC of the day before.
    assert not found.quarter(minute("2026-01-05 22:59")).is_holiday
    assert found.quarter(minute("2026-01-05 23:00")).is_holiday
    assert found.quarter(minute("2026-01-06 22:59")).is_holiday
    assert not found.quarter(minute("2026-01-06 23:00")).is_holiday
    assert found.quarter(minute("2026-12-24 12:00")).is_holiday
    berlin = local_times(SpikesConfig(holidays=["DE-BE"]), "Europe/Berlin").default
    assert not berlin.quarter(minute("2026-01-06 12:00")).is_holiday


def test_a_tenant_has_the_reporting_zone_unless_it_has_one_of_its_own() -> None:
    config = SpikesConfig(
        holidays=["DE"],
        tenants={
            "acme": TenantCalendar("America/New_York", ["US"]),
            "local": TenantCalendar(closed_days=[date(2026, 6, 1)]),
            "open": TenantCalendar(holidays=[]),
        },
    )
    found = local_times(config, "Europe/Berlin")
    thanksgiving = minute("2026-11-26 17:00")
    assert not found.default.quarter(thanksgiving).is_holiday
    assert found.of_tenants["acme"].quarter(thanksgiving).is_holiday
    # 17:00 UTC is noon in New York and 18:00 in Berlin.
    assert found.of_tenants["acme"].quarter(thanksgiving).hour % 24 == 12
    assert found.of_tenants["local"].quarter(thanksgiving).hour % 24 == 18
    # What a tenant leaves out is as for all; an empty list is none.
    assert found.of_tenants["local"].quarter(minute("2026-12-25 12:00")).is_holiday
    assert found.of_tenants["local"].quarter(minute("2026-06-01 12:00")).is_holiday
    assert not found.of_tenants["acme"].quarter(minute("2026-10-03 12:00")).is_holiday
    assert not found.of_tenants["open"].quarter(minute("2026-12-25 12:00")).is_holiday


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'holidays = ["XX"]',
            "spikes: holidays: expected a country such as US, with a region where needed such as DE-BY",
        ),
        ('holidays = ["DE-ZZ"]', "got 'DE-ZZ'"),
        ('holidays = ["DE-"]', "got 'DE-'"),
        # Names that the library defines, and that are no country.
        ('holidays = ["utils"]', "got 'utils'"),
        ('holidays = ["HolidayBase"]', "got 'HolidayBase'"),
        ('tenants.acme = { holidays = ["XX"] }', "spikes: tenants.acme.holidays: expected a country"),
        ('tenants.acme = { zone = "Mars/Base" }', "spikes: tenants.acme.zone: expected a time zone"),
        ('tenants.acme = { zones = "UTC" }', "did you mean zone? expected one of zone, holidays, closed_days"),
        ('closed_days = ["2026-13-01"]', "closed_days"),
    ],
)
def test_an_invalid_calendar_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sichtflug.toml"
    file.write_text(f"[spikes]\n{text}\n")
    with pytest.raises(SettingsError) as refused:
        settings.load({"SICHTFLUG_CONFIG": str(file)})
    assert message in str(refused.value)

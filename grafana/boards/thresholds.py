"""Thresholds and units that several boards share."""

from grafana.panels import BAD, GOOD, WARNING

OLD = ((86_400, WARNING), (604_800, BAD))
DUE = ((0, GOOD), (1, WARNING), (20, BAD))
NONE_EXPECTED = ((0, GOOD), (1, BAD))
SPIKE_UNITS = {"since": "dateTimeAsIso", "until": "dateTimeAsIso"}

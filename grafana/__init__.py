"""Dashboards as code: `build` writes `grafana/dashboards/*.json` from one SQL file per panel and the boards here."""

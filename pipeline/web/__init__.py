"""The page with the dashboards."""

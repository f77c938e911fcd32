"""The page and its dashboards, in a browser and without."""

"""The baselines that sichtflug is compared with."""

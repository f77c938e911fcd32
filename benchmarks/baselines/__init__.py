"""What sichtflug is compared with."""

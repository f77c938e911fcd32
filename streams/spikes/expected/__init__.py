"""What is to be expected of a series of counts: its profile of the week, levels, holidays, and how much it varies."""

"""The commands `propensity campaign`."""

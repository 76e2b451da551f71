"""The command `propensity audience`."""

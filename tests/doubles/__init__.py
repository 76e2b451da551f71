"""Stand-ins for what is outside: one for each port, held to the contract suites."""

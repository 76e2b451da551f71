"""What Prometheus is told of a process, and where it asks."""

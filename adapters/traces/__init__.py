"""Spans of requests, calls to the store, features and scores, sent to an OpenTelemetry collector."""

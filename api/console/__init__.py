"""The console: pages for people over the same services as HTTP, each with a JSON twin."""

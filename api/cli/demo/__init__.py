"""The demo: real purchases, two versions, a campaign and visitors, in one command."""

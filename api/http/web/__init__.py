"""What web pages load: the snippet, and the shop of the demo."""

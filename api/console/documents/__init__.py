"""What the pages show, as documents: each is a page's JSON twin."""

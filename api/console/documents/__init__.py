"""What the console's pages say: a document for each, shown as HTML and as JSON."""

"""The JSON documents that HTTP and the command line share, a module for each subject."""

"""The example plugin's own tests run where it is installed: test_example.py does so."""

collect_ignore = ["boosted"]

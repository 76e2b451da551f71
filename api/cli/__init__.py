"""The command line: data on stdout, progress and errors on stderr, exit codes for scripts."""

from api.cli.main import main as main

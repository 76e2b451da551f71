"""Who acts on the command line."""

import getpass
import os


def actor() -> str:
    """The operating system's user, for histories; in an image a user may have a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the second since Python 3.13
        return f"uid-{os.getuid()}"

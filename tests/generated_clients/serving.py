"""The HTTP application over a store in memory, on a free port, for programs in other environments."""

import sys

import uvicorn

from api.http.access import Access, Openness
from tests.api.conftest import Shop, app_over


def main() -> None:
    """Serves on the port of the command line until it is stopped."""
    shop = Shop()
    shop.access = Access(keyring=shop.keyring, openness=Openness.NONE)
    uvicorn.run(app_over(shop), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()

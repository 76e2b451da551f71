"""Whether the store answers, as a port."""

from typing import Protocol


class StoreHealth(Protocol):
    """Whether the tables answer.

    Promises: reads every table, and changes nothing.
    """

    async def check(self) -> None:
        """Returns once every table has answered a read.

        Raises:
            StoreUnavailable: names the table and the trouble.
            TablesDiffer: what is stored has another layout, so that nothing of it is read.
        """
        ...

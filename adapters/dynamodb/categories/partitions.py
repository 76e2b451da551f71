"""Over how many partitions of the index a category is spread: raised while everybody works."""

from collections.abc import Sequence
from typing import Any

from adapters.dynamodb.categories.listed import category_item
from adapters.dynamodb.schema import (
    PARTITIONS_PER_SHARD,
    Expression,
    item_of,
    keyed,
    stored_partitions_per_shard,
)
from adapters.dynamodb.wire import DynamoClient
from domain.errors import NotFound, Rejected


class DynamoCategoryPartitions:
    """Raises the number of partitions of one category. Nothing that is stored moves.

    It is never lowered: what was written to the partitions beyond would be read by nobody.
    """

    def __init__(self, client: DynamoClient, *, shards: int) -> None:
        self._client = client
        self._shards = shards

    @property
    def choices(self) -> Sequence[int]:
        """How many partitions a category may have."""
        return [self._shards * each for each in PARTITIONS_PER_SHARD]

    async def before(self, category: str, partitions: int, /) -> int:
        """How many partitions the category has, if it may have so many.

        Raises:
            Rejected: it may not, or it has more.
            NotFound: nobody ever bought in the category.
            StoreUnavailable: the store did not answer before the deadline.
        """
        if partitions not in self.choices:
            listed = ", ".join(map(str, self.choices))
            raise Rejected("partitions", f"must be one of {listed}, not {partitions}")
        item = await category_item(self._client, category, self._client.read_deadline())
        if not item:
            raise NotFound(
                f"nobody ever bought in {category!r}; propensity categories list names every category"
            )
        present = self._shards * stored_partitions_per_shard(item)
        if present > partitions:
            raise Rejected(
                "partitions",
                f"{category!r} has {present} already; fewer would hide customers, so name "
                f"{present} or more",
            )
        return present

    async def raise_to(self, category: str, partitions: int, /) -> None:
        """The category has so many partitions once this returns; asking again is safe.

        Raises:
            Rejected: it may not have so many, or has more.
            NotFound: nobody ever bought in the category.
            StoreUnavailable: it is not known whether it has.
        """
        await self.before(category, partitions)
        deadline = self._client.write_deadline()
        request = self._update(category, partitions)
        while not await self._client.written(deadline, "UpdateItem", request):
            await self.before(category, partitions)  # says what is wrong since

    def _update(self, category: str, partitions: int) -> dict[str, Any]:
        """Sets it, unless the category is gone, or has more."""
        model: Any = self._client.categories
        number = model.partitions_per_shard
        wanted = partitions // self._shards
        expression = Expression(
            condition=model.category.exists() & (number.does_not_exist() | (number <= wanted)),
            actions=[number.set(wanted)],
        )
        return keyed(model, item_of(model, category=category), **expression.filled())

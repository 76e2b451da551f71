"""What is written, in PynamoDB's words: items by their model, expressions of its conditions and actions.

Serialising an expression costs more than sending it. So one that differs in names and values only
is serialised once, with slots in their place, and filled in for each request.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update

Value = Mapping[str, Any]
"""An attribute's value as DynamoDB has it: its type, and what it holds."""


class Expression:
    """A condition and actions of one request, serialised.

    A slot is a text that stands for the name of an attribute, or for what a value holds.
    """

    def __init__(
        self, *, condition: Condition | None = None, actions: Sequence[Action] = ()
    ) -> None:
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        self._texts: dict[str, str] = {}
        if condition is not None:
            self._texts["ConditionExpression"] = condition.serialize(names, values)
        if update := Update(*actions).serialize(names, values):
            self._texts["UpdateExpression"] = update
        self._names = {placeholder: name for name, placeholder in names.items()}
        self._values = values
        self._slots = defaultdict[str, list[tuple[str, str]]](list)
        for placeholder, value in values.items():
            for kind, content in value.items():
                if isinstance(content, str):
                    self._slots[content].append((placeholder, kind))
        self._placeholders = names

    def filled(
        self, *, names: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The members of a request: each slot is filled with this name, or this content of a value.

        Contents for slots that it has not are left out.
        """
        request: dict[str, Any] = dict(self._texts)
        if self._names:
            request["ExpressionAttributeNames"] = self._names | {
                self._placeholders[slot]: name for slot, name in (names or {}).items()
            }
        if self._values:
            request["ExpressionAttributeValues"] = self._values | {
                placeholder: {kind: content}
                for slot, content in (values or {}).items()
                for placeholder, kind in self._slots.get(slot, ())
            }
        return request


def item_of(model: type[Any], **values: object) -> dict[str, Value]:
    """The item of a model with these attributes, by their names in it; None: without it."""
    attributes = model.get_attributes()
    item: dict[str, Value] = {}
    for name, value in values.items():
        if value is not None:
            attribute = attributes[name]
            item[attribute.attr_name] = {attribute.attr_type: attribute.serialize(value)}
    return item


def put(model: type[Any], item: Mapping[str, Value], **members: Any) -> dict[str, Any]:
    """The request, or the part of a transaction, that puts an item into the model's table."""
    return {"TableName": model.Meta.table_name, "Item": item, **members}


def keyed(model: type[Any], key: Mapping[str, Value], **members: Any) -> dict[str, Any]:
    """The request, or the part of a transaction, that is about the item with this key."""
    return {"TableName": model.Meta.table_name, "Key": key, **members}

"""A stand-in for the AWS CLI, so that the pages' `aws` commands run on the embedded engine.

Operations and their options are those of botocore's models, which the AWS CLI has too, and botocore
checks them. The engine restores to the present alone. So where an instant is named, the newest backup
on demand from before it is restored, if there is one: the table is the same.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.model import Shape
from botocore.session import Session


def main(arguments: Sequence[str]) -> int:
    """Runs one command and prints its answer as JSON."""
    service, operation, *rest = arguments
    region = os.environ.get("AWS_REGION", "us-east-1")
    client: Any = Session().create_client(service, region_name=region)
    if operation == "wait":
        waiter, *rest = rest
        client.get_waiter(waiter.replace("-", "_")).wait(TableName=_options(rest)["table-name"])
        return 0
    method = operation.replace("-", "_")
    name = client.meta.method_to_api_mapping[method]
    shape: Any = client.meta.service_model.operation_model(name).input_shape
    members = {xform_name(member, "-"): member for member in shape.members}
    request = {
        members[option]: _value(shape.members[members[option]], text)
        for option, text in _options(rest).items()
    }
    answer = _from_backup(client, request) or getattr(client, method)(**request)
    json.dump(answer, sys.stdout, default=str, indent=4)
    return 0


def _options(words: Sequence[str]) -> Mapping[str, str]:
    """`--name value`, or `--flag` alone; with `--no-` before it, a flag is off."""
    found: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--no-"):
            found[word.removeprefix("--no-")] = "false"
        elif word.startswith("--"):
            found[word.removeprefix("--")] = "true" if following.startswith("--") else following
    return found


def _value(shape: Shape, text: str) -> object:
    """A text as the operation wants it; a structure is written as Name=value,Name=value."""
    if shape.type_name == "structure":
        members: Any = shape
        pairs = (pair.split("=", 1) for pair in text.split(","))
        return {name: _value(members.members[name], value) for name, value in pairs}
    return {"boolean": lambda: text == "true", "integer": lambda: int(text)}.get(
        shape.type_name, lambda: text
    )()


def _from_backup(client: Any, request: Mapping[str, Any]) -> object:
    """The answer to a restore to an instant by a backup from before it; None: there is none."""
    instant = request.get("RestoreDateTime")
    if instant is None:
        return None
    listed = client.list_backups(TableName=request["SourceTableName"])["BackupSummaries"]
    until = datetime.fromisoformat(instant)
    before = [each for each in listed if each["BackupCreationDateTime"] <= until]
    if not before:
        return None
    newest = max(before, key=lambda each: each["BackupCreationDateTime"])
    answer: object = client.restore_table_from_backup(
        TargetTableName=request["TargetTableName"], BackupArn=newest["BackupArn"]
    )
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The CloudFormation templates, read as data."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
STORE, SERVICE = DEPLOY / "store.yaml", DEPLOY / "service.yaml"


class _Loader(yaml.SafeLoader):
    """Reads `!Ref X` as {"Ref": X}, and `!Sub X` as {"Fn::Sub": X}."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


@cache
def template(path: Path) -> dict[str, Any]:
    """The template, its functions in their long form."""
    found: dict[str, Any] = yaml.load(path.read_text(), _Loader)  # noqa: S506  # a SafeLoader
    return found


def resources(path: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of that kind."""
    found = template(path)["Resources"].items()
    return {name: each.get("Properties", {}) for name, each in found if each["Type"] == kind}

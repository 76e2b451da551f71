"""The settings, as this process reads them."""

from api.cli.output import AsJson, emit, table
from api.process import PREFIX, described, load_settings, shown


def settings(*, as_json: AsJson = False) -> None:
    """Print every setting with its value; secrets are masked."""
    document = shown(load_settings())
    rows = [[PREFIX + name.upper(), document[name], text] for name, text in described().items()]
    emit(document, as_json=as_json, text=table("variable", "value", "meaning", rows=rows))

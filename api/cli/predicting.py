"""The command that predicts one customer's propensity."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer

from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, say
from api.composition import application
from api.documents.prediction import CustomerPropensity, PropensityExplained
from api.process import load_settings
from domain.cost import metered
from domain.errors import InvalidRequest
from domain.values import instant


def predict(  # noqa: PLR0913  # one parameter per option
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    *,
    as_of: Annotated[
        str | None, typer.Option(help="As known at this RFC 3339 instant.", show_default="now")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Which model.", show_default="the first of PROPENSITY_MODELS")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="For a model that says who buys within a category.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each feature adds, in log-odds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict one customer's propensity."""
    moment = None if as_of is None else _instant(as_of)
    with application(load_settings()) as built:
        built.live.start()
        for problem in built.live.problems:
            say(f"not loaded: {problem}")
        with metered() as cost:
            prediction = asyncio.run(
                built.predict(customer, as_of=moment, model=model, category=category)
            )
        answer = CustomerPropensity.of(prediction, cost, explain=explain)
    emit(answer, as_json=as_json, text=f"{_describe(answer)}\n{cost_text(cost)}")


def _instant(text: str) -> int:
    try:
        return instant.parse(text)
    except ValueError as exc:
        raise InvalidRequest("--as-of", str(exc)) from exc


def _describe(answer: CustomerPropensity) -> str:
    features = ", ".join(f"{name} = {value:g}" for name, value in answer.features.items())
    where = "" if answer.category is None else f" in {answer.category}"
    banner = "show the banner" if answer.decision.show else "no banner"
    history = f"{answer.purchases_read} purchases read" if answer.purchases_read else "no purchases"
    return (
        f"{answer.customer_id} buys{where} within {answer.horizon_days} days with probability "
        f"{answer.probability:.3f}: {banner} ({answer.decision.reason})\n"
        f"{features}; {history}; as of {answer.as_of}; "
        f"{answer.model.name} version {answer.model.version}"
        + "".join(f"\n{line}" for line in _why(answer.explanation))
    )


def _why(explanation: PropensityExplained | None) -> Iterator[str]:
    """A line for each part of the log-odds, the largest first."""
    if explanation is None:
        return
    yield f"{explanation.base_log_odds:+7.3f}  base rate of {explanation.base_rate:.1%}"
    yield f"{explanation.average_log_odds:+7.3f}  the average customer beside it"
    for each in explanation.contributions:
        yield f"{each.log_odds:+7.3f}  {each.meaning}: {each.value:g}, on average {each.average:g}"
    yield f"{explanation.log_odds:+7.3f}  log-odds in all"

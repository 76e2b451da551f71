"""Commands about campaigns: create one, hand its members to a campaign tool, see whether it worked."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api import composition
from api.cli.actor import actor
from api.cli.audience.command import STREAMED, Format, instant_option
from api.cli.audit import audited
from api.cli.campaigns.creating import policy_of, suppressed_ids
from api.cli.campaigns.report import created_text, results_text, shown_text
from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, progress_bar, say, table, typed_again
from api.cli.pictures import PictureFile, check_picture, write_picture
from api.composition import application
from api.documents.campaign import CampaignList, CampaignReport, TidiedCampaignsReport
from api.documents.campaign_results import ResultsReport
from api.process import load_settings
from domain.audience import ReadWay
from domain.audit import Act, Target
from domain.campaigns import CampaignWanted, campaign_name_of, enrolled_of, experiment_of, listed_of
from domain.cost import metered
from domain.errors import Rejected
from domain.purchases import MAX_CATEGORY_BYTES, name_of
from domain.values import instant

app = typer.Typer(
    help="Campaigns: frozen members, files for campaign tools, and whether they worked.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Name = Annotated[str, typer.Argument(help="The campaign's name.")]
PARTIAL = 1


@app.command("create")
def create(  # noqa: PLR0913  # one parameter per option
    name: Annotated[str, typer.Argument(help="A new name, such as spring-2026.")],
    *,
    category: Annotated[str, typer.Option(help="Everyone who ever bought in it is looked at.")],
    model: Annotated[
        str | None,
        typer.Option(help="Which model scores.", show_default="PROPENSITY_AUDIENCE_MODEL"),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="As known at this RFC 3339 instant.", show_default="now")
    ] = None,
    top: Annotated[
        str | None,
        typer.Option(
            help="Only the highest: a share such as 20%, or a number.", show_default="everyone"
        ),
    ] = None,
    min_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Only from this probability on.")
    ] = 0.0,
    max_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Only up to this probability.")
    ] = 1.0,
    holdout: Annotated[
        str, typer.Option(help="Share of members who are not contacted, drawn by chance.")
    ] = "10%",
    suppress: Annotated[
        Path | None,
        typer.Option(help="File of customer ids not to contact, one a line; - is stdin."),
    ] = None,
    not_contacted_within: Annotated[
        int | None,
        typer.Option(min=1, max=3650, help="Days in which no other campaign contacted them."),
    ] = None,
    min_purchases: Annotated[
        int | None, typer.Option(min=1, help="Purchases in the last days, at least.")
    ] = None,
    history_days: Annotated[int, typer.Option(min=1, max=3650, help="These last days.")] = 90,
    way: Annotated[
        ReadWay | None, typer.Option(help="How purchases are read.", show_default="the cheaper one")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Freeze a campaign: its members, who of them is held out, and their scores.

    Nobody is contacted by this. A name that is taken is refused.
    """
    campaign_name_of(name)
    category = name_of(category, "category", MAX_CATEGORY_BYTES)
    policy = policy_of(
        top=top,
        min_probability=min_probability,
        max_probability=max_probability,
        holdout=holdout,
        suppression=suppress is not None,
        not_contacted_days=not_contacted_within,
        min_purchases=min_purchases,
        history_days=history_days,
    )
    settings = load_settings()
    written = audited(settings, Act.CREATE_CAMPAIGN, Target.CAMPAIGN, name)
    with metered() as cost, application(settings, batch=True) as built:
        wanted = CampaignWanted(
            name=name,
            category=category,
            policy=policy,
            model=model,
            as_of=instant_option(as_of, built.clock()),
            way=way,
            suppressed=() if suppress is None else suppressed_ids(suppress),
        )
        with written, progress_bar() as bar:
            tasks = {each: bar.add_task(each, total=None) for each in ("scoring", "freezing")}

            def on_progress(what: str, done: int, total: int) -> None:
                bar.update(tasks[what], completed=done, total=max(done, total))

            campaign = composition.create_campaign(
                built, wanted, owner=actor(), on_progress=on_progress
            )
    say(cost_text(cost))
    emit(CampaignReport.of(campaign), as_json=as_json, text=created_text(campaign))
    if policy.suppression and not sum(campaign.removed.values()):
        say("the suppression list took nobody out: are its ids those of your purchases?")


@app.command("list")
def list_campaigns(*, as_json: AsJson = False) -> None:
    """List every campaign, the newest first."""
    campaigns = composition.open_campaigns(load_settings(), members=False).every()
    reports = [CampaignReport.of(each) for each in campaigns]
    columns = ("name", "category", "created", "sent", "treated", "held out")
    rows = [
        (r.name, r.category, r.created_at, r.sent_at or "", f"{r.treated:,}", f"{r.held_out:,}")
        for r in reports
    ]
    emit(CampaignList(campaigns=reports), as_json=as_json, text=table(*columns, rows=rows))


@app.command("show")
def show(name: Name, *, as_json: AsJson = False) -> None:
    """Show one campaign: its policy, its arms, and which lift it will see."""
    campaign = composition.open_campaigns(load_settings(), members=False).named(name)
    emit(CampaignReport.of(campaign), as_json=as_json, text=shown_text(campaign))


@app.command("export")
def export(
    name: Name,
    *,
    kind: Annotated[
        Format, typer.Option("--format", help="Columns, as a campaign tool imports them.")
    ] = "csv",
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|s3://...", help="It appears once it is complete.", show_default="stdout"
        ),
    ] = None,
    with_holdout: Annotated[
        bool, typer.Option("--with-holdout", help="Those held out too, in a file of their own.")
    ] = False,
    excel: Annotated[
        bool, typer.Option("--excel", help="CSV that Excel opens by a double click (UTF-8 BOM).")
    ] = False,
) -> None:
    """Write the members to a file for a campaign tool: always the same people, without those held out."""
    if output is None and kind not in STREAMED:
        raise Rejected("--format", f"{kind} needs --output FILE")
    campaigns = composition.open_campaigns(load_settings())
    campaign = campaigns.named(name)
    files = composition.audience_files(
        kind, output, stdout=sys.stdout.buffer, holdout=with_holdout, excel=excel
    )
    written = 0
    with files as opened, progress_bar() as bar:
        task = bar.add_task("exporting", total=campaign.size)
        for batch in campaigns.members(campaign):
            listed = listed_of(campaign, batch, with_holdout=with_holdout)
            opened.write(listed)
            written += len(listed)
            bar.update(task, advance=len(batch))
    say(f"{written:,} members of {name}")
    for path in opened.paths:
        say(f"written: {path}")
    if opened.merged:
        say(f"addresses that differ by case only: {opened.merged:,}; each is in the files once")
    if opened.escaped:
        say(f"ids that look like formulas, written with a leading ': {opened.escaped:,}")
    for path in opened.stale:
        say(f"of an earlier export, no part of this one: {path}")


@app.command("sent")
def sent(
    name: Name,
    *,
    at: Annotated[
        str | None, typer.Option(help="When: RFC 3339 with an offset.", show_default="now")
    ] = None,
) -> None:
    """Say when a campaign was sent: purchases count from then on. It is said once."""
    settings = load_settings()
    campaigns = composition.open_campaigns(settings, members=False)
    campaign = campaigns.named(name)
    trail = composition.audit_trail(settings)
    moment = instant_option(at, trail.clock(), option="--at")
    campaign.check_sent_at(moment)
    with audited(settings, Act.SEND_CAMPAIGN, Target.CAMPAIGN, name):
        campaigns.mark_sent(name, moment)
    say(f"{name} was sent at {instant.render(moment)}")


@app.command("results")
def results(
    name: Name,
    *,
    days: Annotated[
        int, typer.Option(min=1, max=365, help="Purchases count for so many days.")
    ] = 30,
    picture: PictureFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure what treated members bought against those held out, and say what it means.

    Every look is kept. Exits with 1 when members could not be read.
    """
    check_picture(picture)
    settings = load_settings()
    campaigns = composition.open_campaigns(settings)
    campaign = campaigns.named(name)
    with metered() as cost, application(settings, batch=True) as built, progress_bar() as bar:
        task = bar.add_task("reading purchases", total=campaign.size)
        found = asyncio.run(
            composition.measure_experiment(built)(
                enrolled_of(campaign, campaigns.members(campaign)),
                experiment_of(campaign, days),
                on_progress=lambda done: bar.update(task, completed=done),
            )
        )
    if not found.unread:
        campaigns.keep(name, found)
    report = ResultsReport.of(campaign, found)
    say(cost_text(cost))
    emit(report, as_json=as_json, text=results_text(report, campaign))
    if picture is not None:
        from api.pictures.campaigns import conversions_of, uplift_of

        over = any(each.conversion is not None for each in found.uplift)
        write_picture((uplift_of if over else conversions_of)(found), picture)
    if found.unread:
        say(
            f"PARTIAL: members not read before the deadline: {found.unread:,}; nothing was kept; "
            "run it again, or raise PROPENSITY_AUDIENCE_DEADLINE_S"
        )
        raise typer.Exit(PARTIAL)


@app.command("delete")
def delete(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete a campaign for good: its members, its results, and that anybody was contacted.

    Asks for its name once more. The name is never free again.
    """
    settings = load_settings()
    campaigns = composition.open_campaigns(settings, members=False)
    if not yes:
        campaign = campaigns.named(name)
        say(
            f"{name}: {campaign.size:,} members and every result are deleted for good. Campaigns with "
            "--not-contacted-within will contact its members again."
        )
        typed_again(name)
    trail = composition.audit_trail(settings)
    with audited(settings, Act.DELETE_CAMPAIGN, Target.CAMPAIGN, name):
        campaigns.delete(name, trail.clock())
    say(f"{name} is deleted")


@app.command("tidy")
def tidy(*, as_json: AsJson = False) -> None:
    """Take erased customers, and members kept long enough, out of the files of campaigns.

    Safe at any time, and to run again.
    """
    with progress_bar() as bar:
        task = bar.add_task("tidying", total=None)
        done = composition.tidy_campaigns(load_settings())(
            lambda number, total: bar.update(task, completed=number, total=total)
        )
    report = msgspec.convert(done, TidiedCampaignsReport, from_attributes=True)
    text = (
        f"{report.members_erased:,} members erased in {report.campaigns_written:,} campaigns, "
        f"{report.campaigns_emptied:,} campaigns kept long enough, "
        f"{report.parts_removed:,} files removed; {report.erasures_done:,} erasures done, "
        f"{report.erasures_left:,} go on"
    )
    emit(report, as_json=as_json, text=text)

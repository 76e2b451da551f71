"""The file of a campaign for a tool, as a server hands it out."""

import csv
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from adapters.audience_files import profiles
from adapters.campaigns import ObjectCampaigns
from adapters.object_store import open_object_store
from api.composition.campaigns import campaign_file
from api.process import Settings
from domain.campaigns import Campaign, CampaignArm
from domain.errors import Rejected
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member

MAILS = [f"person{n}@shop.example" for n in range(40)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(registry=str(tmp_path / "registry"))


@pytest.fixture
def campaign(settings: Settings) -> Campaign:
    """A campaign of forty people, every fourth of whom is held out."""
    store = ObjectCampaigns(open_object_store(settings.campaigns_location))
    store.begin("spring", NOW, "anna")
    members = [
        a_member(mail, arm=CampaignArm.TREATED if n % 4 else CampaignArm.HELD_OUT)
        for n, mail in enumerate(MAILS)
    ]
    part = store.write("spring", NOW, members)
    found = a_campaign(parts=[part], members={CampaignArm.TREATED: 30, CampaignArm.HELD_OUT: 10})
    store.commit(found)
    return found


def test_a_file_holds_whom_to_contact_under_the_campaigns_name(
    settings: Settings, campaign: Campaign, tmp_path: Path
) -> None:
    for kind, name in (
        ("klaviyo", "spring.csv"),
        ("csv", "spring.csv"),
        ("ndjson", "spring.ndjson"),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        path = campaign_file(settings, campaign, kind, folder)
        assert path == folder / name
        text = path.read_text()
        assert {mail for mail in MAILS if mail in text} == {
            mail for n, mail in enumerate(MAILS) if n % 4
        }


def test_for_excel_it_begins_with_a_mark(
    settings: Settings, campaign: Campaign, tmp_path: Path
) -> None:
    path = campaign_file(settings, campaign, "excel", tmp_path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) == 31


def test_several_files_come_zipped(
    settings: Settings, campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(profiles.PROFILES["klaviyo"], most_bytes=600)
    monkeypatch.setitem(profiles.PROFILES, "klaviyo", small)
    path = campaign_file(settings, campaign, "klaviyo", tmp_path)
    assert path.name == "spring.zip"
    with ZipFile(path) as archive:
        assert len(archive.namelist()) > 1
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert sum(mail in text for mail in MAILS) == 30


def test_a_tool_that_does_not_take_the_customers_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    store = ObjectCampaigns(open_object_store(settings.campaigns_location))
    store.begin("plain", NOW, "anna")
    part = store.write("plain", NOW, [a_member("household-1")])
    found = a_campaign("plain", parts=[part])
    store.commit(found)
    with pytest.raises(Rejected):
        campaign_file(settings, found, "klaviyo", tmp_path)

"""Operations: findings, dead letters, the audit record and keys, for who may see them."""

import asyncio
import json
from typing import Any

import pytest

from api.console.documents.operations import REPLAYED_AT_ONCE
from api.documents.doctor import Finding
from domain.audit import Act, AuditTrail, Target, Who
from domain.errors import StoreUnavailable
from domain.keys import Scope
from domain.queue import QueueDepth
from domain.values import MICROS_PER_DAY
from tests.api.conftest import KEYS, Shop
from tests.builders import NOW
from tests.console.conftest import Person, holder_of

PATH = "/console/operations"
PIECE = {"hx-request": "true"}
EVIL = '"><script>alert(1)</script>'


def twin(person: Person, path: str) -> Any:
    return person.get(f"{path}{'&' if '?' in path else '?'}format=json").json()


def found(person: Person) -> Any:
    """What the doctor found, once it has."""
    while (document := twin(person, f"{PATH}/findings"))["findings"] is None:
        assert document["problem"] == ""
    return document


def dead(shop: Shop, *bodies: str, reason: str | None = "amount_minor must be a number") -> None:
    async def send() -> None:
        for body in bodies:
            await shop.letters.send(body, reason=reason, group=None)

    asyncio.run(send())


def letter(customer: str, purchase: str = "p-1") -> str:
    return json.dumps({"purchases": [{"customer_id": customer, "purchase_id": purchase}]})


def depth(queue: Any) -> int:
    held: QueueDepth = asyncio.run(queue.depth())
    return held.total


def acted(shop: Shop, *, days_ago: int, actor: str = "ada", act: Act = Act.PROMOTE) -> None:
    trail = AuditTrail(log=shop.audit_log, clock=lambda: NOW - days_ago * MICROS_PER_DAY)
    with trail.act(Who(actor=actor, request_id="r"), act, Target.MODEL, f"m@{days_ago}"):
        pass


def test_the_page_names_its_pieces_and_each_answers(person: Person) -> None:
    pieces = twin(person, PATH)["pieces"]
    page = person.get(PATH).text
    for path in pieces.values():
        assert path in page
        assert person.get(path, **PIECE).status_code == 200
        assert person.get(path).text.startswith("<!doctype html>")


def test_what_is_wrong_comes_with_what_helps(person: Person, shop: Shop) -> None:
    shop.findings.append(
        Finding(check="model", ok=False, finding=f"none {EVIL}", fix="propensity train")
    )
    assert [each["ok"] for each in found(person)["findings"]] == [True, False]
    text = person.get(f"{PATH}/findings", **PIECE).text
    assert "1 of 2 checks failed" in text
    assert "propensity train" in text
    assert EVIL not in text


def test_a_look_that_breaks_off_is_told(person: Person, shop: Shop) -> None:
    class Broken(list[Finding]):
        def __iter__(self) -> Any:
            raise StoreUnavailable("the store is away")

    shop.findings = Broken()
    while not (document := twin(person, f"{PATH}/findings"))["problem"]:
        assert document["findings"] is None
    assert "the store is away" in person.get(f"{PATH}/findings", **PIECE).text


def test_a_look_holds_for_a_minute_and_may_be_asked_for_again(person: Person, shop: Shop) -> None:
    first = found(person)
    shop.findings = []
    shop.clock.now += 30 * 1_000_000
    assert found(person)["at"] == first["at"]
    while (again := twin(person, f"{PATH}/findings?again=true"))["at"] == first["at"]:
        assert again["looking"]
    assert found(person)["findings"] == []


def test_without_a_queue_the_page_says_what_makes_one(person: Person, shop: Shop) -> None:
    shop.queue = None
    assert twin(person, f"{PATH}/queue")["missing"]
    text = person.get(f"{PATH}/queue", **PIECE).text
    assert "PROPENSITY_QUEUE" in text
    assert "propensity worker create" in text


def test_dead_letters_are_listed_without_their_customers(person: Person, shop: Shop) -> None:
    dead(shop, letter("ada@shop.example"), reason=EVIL)
    dead(shop, "no json at all", reason=None)
    document = twin(person, f"{PATH}/queue")
    assert document["dead"] == {"waiting": 2, "in_work": 0, "delayed": 0}
    assert [each["purchases"] for each in document["letters"]] == [1, None]
    text = person.get(f"{PATH}/queue", **PIECE).text
    assert "ada@shop.example" not in text + json.dumps(document)
    assert EVIL not in text
    assert depth(shop.letters) == 2


def test_dead_letters_are_replayed_and_the_act_is_written_down(person: Person, shop: Shop) -> None:
    dead(shop, letter("ada"), letter("bob"), letter("ada"))
    answer = person.do(f"{PATH}/queue/replay")
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    assert "2 dead letters are back in the queue. 1 stayed" in person.get(PATH).text
    assert (depth(shop.queue), depth(shop.letters)) == (2, 1)
    (line,) = twin(person, f"{PATH}/audit")["lines"]
    assert (line["act"], line["target"], line["name"]) == ("replay", "queue", "purchases")


def test_a_click_replays_so_many_that_somebody_can_wait_for_it(person: Person, shop: Shop) -> None:
    dead(shop, *(letter("ada", f"p-{n}") for n in range(REPLAYED_AT_ONCE + 15)))
    person.do(f"{PATH}/queue/replay")
    assert "There are more: replay again" in person.get(PATH).text
    person.do(f"{PATH}/queue/replay")
    shop.queue_s = 1_000  # what was looked at is shown again
    person.do(f"{PATH}/queue/replay")
    assert depth(shop.letters) == 0
    assert depth(shop.queue) == REPLAYED_AT_ONCE + 15


def test_a_replay_without_a_queue_fails_and_says_so(person: Person, shop: Shop) -> None:
    shop.queue = None
    assert person.do(f"{PATH}/queue/replay").status_code == 404
    newest, _ = twin(person, f"{PATH}/audit")["lines"]
    assert newest["failed"]


def test_the_record_is_read_newest_first_by_act_and_actor(person: Person, shop: Shop) -> None:
    for days_ago in (3, 2, 1):
        acted(shop, days_ago=days_ago)
    acted(shop, days_ago=2, actor=EVIL, act=Act.ERASE)
    lines = twin(person, f"{PATH}/audit")["lines"]
    assert [each["at"] for each in lines] == sorted((each["at"] for each in lines), reverse=True)
    assert len(lines) == 4
    assert len(twin(person, f"{PATH}/audit?act=erase")["lines"]) == 1
    assert len(twin(person, f"{PATH}/audit?actor=ada")["lines"]) == 3
    assert EVIL not in person.get(f"{PATH}/audit").text
    assert EVIL not in person.get(f"{PATH}/audit", **PIECE).text


@pytest.mark.parametrize("most", [1, 2, 50])
def test_pages_of_the_record_miss_and_repeat_nothing(person: Person, shop: Shop, most: int) -> None:
    for number in range(8):
        acted(shop, days_ago=number // 2 * 20)
    seen: list[Any] = []
    before = ""
    for _ in range(20):
        document = twin(person, f"{PATH}/audit?most={most}{before}")
        seen += document["lines"]
        before = f"&before={document['since']}"
    assert len(seen) == 8
    assert [each["name"] for each in seen] == [
        f"m@{days}" for days in (0, 0, 20, 20, 40, 40, 60, 60)
    ]


@pytest.mark.parametrize("before", ["-1", "0", "99999999999999999999", "x"])
def test_an_instant_that_is_none_breaks_nothing(person: Person, before: str) -> None:
    assert person.get(f"{PATH}/audit?before={before}").status_code in {200, 400}


def test_keys_are_listed_without_secrets_for_who_manages_them(stranger: Person) -> None:
    holder_of(stranger, Scope.KEYS_MANAGE)
    answer = stranger.get(f"{PATH}/keys")
    assert answer.status_code == 200
    assert {each["key_id"] for each in twin(stranger, f"{PATH}/keys")["keys"]} == {
        key.key_id for key in KEYS
    }
    assert all(key.sha256.hex() not in answer.text for key in KEYS)
    holder_of(stranger, Scope.OPERATE)
    assert "Who holds keys" not in stranger.get(PATH).text
    assert stranger.get(f"{PATH}/keys").status_code == 403

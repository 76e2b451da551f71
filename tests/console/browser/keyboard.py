"""Somebody who has a keyboard and nothing else."""

from typing import Literal, TypeAlias

from tests.console.browser.conftest import Visit

Role: TypeAlias = Literal["link", "button", "textbox", "combobox", "checkbox", "slider", "group"]
MOST_TABS = 300


class Keyboard:
    """Goes where a name leads by Tab, and acts by Enter, Space and letters."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._keys = visit.page.keyboard

    def go_to(self, role: Role, name: str) -> None:
        """The focus stands on what has this role and name.

        Raises:
            AssertionError: no Tab leads there.
        """
        wanted = self.visit.page.get_by_role(role, name=name).first
        wanted.wait_for(state="visible")
        for _ in range(MOST_TABS):
            if wanted.evaluate("e => e === document.activeElement"):
                return
            self._keys.press("Tab")
        raise AssertionError(f"no Tab leads to the {role} {name!r}")

    def press(self, role: Role, name: str) -> None:
        """Enter on it, and whatever follows has come."""
        self.go_to(role, name)
        self._keys.press("Enter")
        self.visit.settle()

    def unfold(self, summary: str) -> None:
        """A part that is folded opens."""
        wanted = self.visit.page.locator("summary", has_text=summary).first
        for _ in range(MOST_TABS):
            if wanted.evaluate("e => e === document.activeElement"):
                self._keys.press("Enter")
                return
            self._keys.press("Tab")
        raise AssertionError(f"no Tab leads to {summary!r}")

    def fill(self, name: str, text: str, *, role: Role = "textbox") -> None:
        """This text stands in the field."""
        self.go_to(role, name)
        self._keys.press("Control+a")
        self._keys.type(text)

    def fill_next(self, text: str) -> None:
        """This text stands in the field after the one where the focus is."""
        self._keys.press("Tab")
        self._keys.type(text)

    def choose(self, name: str, option: str) -> None:
        """The option of a list whose text begins so."""
        self.go_to("combobox", name)
        self._keys.type(option)

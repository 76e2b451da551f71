"""What each campaign tool imports without editing. The facts are the tools' own import rules."""

from dataclasses import dataclass

MEGABYTE = 1_000_000
"""The smaller of the two readings, so that a file is small enough for both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One tool: the column of its customers' ids or e-mail addresses, and how large a file may be.

    With both columns the e-mail address is used where every id is one. Headers are as the tool
    spells them, to the letter.
    """

    tool: str
    id_column: str | None = None
    email_column: str | None = None
    most_bytes: int | None = None


PROFILES = {
    # Source: help.klaviyo.com 115005078967 (first column, 50 MB) and 115005078807 (every row has
    # an e-mail address or a phone number: an external id alone is not imported).
    "klaviyo": Profile(tool="Klaviyo", email_column="Email Address", most_bytes=50 * MEGABYTE),
    # Source: braze.com/docs, CSV import: external_id, attributes up to 500 MB.
    "braze": Profile(tool="Braze", id_column="external_id", most_bytes=500 * MEGABYTE),
    # Source: Mailchimp, Format Guidelines for Your Import File: only the e-mail address is
    # required, columns in any order.
    "mailchimp": Profile(tool="Mailchimp", email_column="Email Address"),
    # Source: docs.customer.io, manual segments and uploading people: `id` or `email`, 100 MB.
    "customerio": Profile(
        tool="Customer.io", id_column="id", email_column="email", most_bytes=100 * MEGABYTE
    ),
}

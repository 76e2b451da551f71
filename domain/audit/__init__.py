"""Audit: who did what that changes something for others."""

from domain.audit.entry import Act as Act
from domain.audit.entry import Entry as Entry
from domain.audit.entry import Outcome as Outcome
from domain.audit.entry import Target as Target
from domain.audit.ports import AuditLog as AuditLog
from domain.audit.trail import AuditTrail as AuditTrail
from domain.audit.trail import Newest as Newest
from domain.audit.trail import Who as Who

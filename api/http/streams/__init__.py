"""Bodies that are written line by line."""

from api.http.streams.audience import Filters as Filters
from api.http.streams.audience import StreamBroken as StreamBroken
from api.http.streams.audience import begun as begun
from api.http.streams.audience import closed as closed
from api.http.streams.audience import comma_separated as comma_separated
from api.http.streams.audience import failure_line as failure_line
from api.http.streams.audience import gone as gone
from api.http.streams.audience import ndjson as ndjson
from api.http.streams.purchases import DuplexStream as DuplexStream
from api.http.streams.purchases import outcome_lines as outcome_lines

"""The queue worker: messages from arrival to the end."""

from api.queue.dead_letters import peek as peek
from api.queue.dead_letters import replay as replay
from api.queue.observing import QueueObserver as QueueObserver
from api.queue.observing import Taken as Taken
from api.queue.worker import Consume as Consume
from api.queue.worker import Worker as Worker

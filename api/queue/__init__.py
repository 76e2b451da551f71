"""The queue worker: messages from arrival to the end."""

from api.queue.dead_letters import look, replay
from api.queue.worker import Consume, Worker

__all__ = ["Consume", "Worker", "look", "replay"]

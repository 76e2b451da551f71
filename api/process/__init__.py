"""What every process needs: settings, logs, memory."""

from api.process.garbage import freeze_garbage as freeze_garbage
from api.process.garbage import garbage_held as garbage_held
from api.process.lifetime import log_started as log_started
from api.process.logs import configure_logging as configure_logging
from api.process.settings import PREFIX as PREFIX
from api.process.settings import Secret as Secret
from api.process.settings import Settings as Settings
from api.process.settings import described as described
from api.process.settings import is_loopback as is_loopback
from api.process.settings import load_settings as load_settings
from api.process.settings import shown as shown

"""HTTP to processes of ours, which speak no TLS."""

import ssl

PLAIN_HTTP = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What `verify` of an httpx client is: else each reads every certificate, for longer than most answers take."""

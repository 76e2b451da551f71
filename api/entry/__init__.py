"""Where a server process or a Lambda function starts."""

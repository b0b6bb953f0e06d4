"""Who calls: what they may use, within which limits, and with which key of the service."""

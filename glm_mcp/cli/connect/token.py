"""The token that is shown to the team's server: itself, or where the system's keyring has it (`keyring:SERVICE/NAME`)."""

from __future__ import annotations

from glm_mcp.errors import ConfigError, MissingExtra
from glm_mcp.settings import Settings

PLACE = "keyring:"


def find_token(settings: Settings) -> str | None:
    """None where there is none. May block: a keyring may ask its user to unlock it. Raises ConfigError, MissingExtra."""
    word = settings.connect_token.get_secret_value() if settings.connect_token else None
    if word is None or not word.startswith(PLACE):
        return word
    service, _, name = word[len(PLACE) :].partition("/")
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise MissingExtra("keyring", "a token in the system's keyring") from None
    store = f"keyring set {service} {name}"
    try:
        found = keyring.get_password(service, name)
    except (KeyringError, RuntimeError) as error:
        raise ConfigError(
            "the system's keyring cannot be read",
            f"Unlock it, or put the token itself into GLM_CONNECT_TOKEN. Stored is it with: {store}",
        ) from error
    if not found:
        raise ConfigError(f"the system's keyring has nothing for {service}/{name}", f"Store it: {store}")
    return found.strip()

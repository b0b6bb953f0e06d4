"""Settings that lead to the simulator instead of the service."""

from __future__ import annotations

from glm_mcp.settings import Settings


def simulated(settings: Settings) -> Settings:
    """With GLM_SIMULATE: the simulator started in a thread of its own, and the settings that lead to it."""
    if not settings.simulate:
        return settings
    from pydantic import SecretStr

    from glm_mcp.simulator import Simulator, Switches

    # What callers send is theirs: nothing is kept of it, and nobody of this machine reads it or puts answers in its place.
    simulator = Simulator(switches=Switches(keep=0), control=False)
    simulator.start()
    return settings.model_copy(update={"base_url": simulator.url, "api_key": SecretStr(simulator.key)})

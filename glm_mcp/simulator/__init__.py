"""A local GLM service, as strict as the real one: to try without a key, and to test without a network.

It imports nothing of the rest of the package, so that a wrong field name cannot be wrong on both sides.
"""

from glm_mcp.simulator.received import Media, Received
from glm_mcp.simulator.script import Fault, Reply
from glm_mcp.simulator.server import DEFAULT_KEY, Simulator, serve
from glm_mcp.simulator.switches import Switches
from glm_mcp.simulator.weather import Climate, Weather

__all__ = [
    "DEFAULT_KEY",
    "Climate",
    "Fault",
    "Media",
    "Received",
    "Reply",
    "Simulator",
    "Switches",
    "Weather",
    "serve",
]

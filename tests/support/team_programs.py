"""Programs that a team's server works with, and that ./scripts/test does without: nginx, HAProxy, Redis, a browser."""

from __future__ import annotations

import os
import shutil

import pytest

PROGRAMS = {
    "nginx": ["nginx"],
    "haproxy": ["haproxy"],
    "redis": ["redis-server", "valkey-server"],
    "chromium": ["chromium", "chromium-browser", "google-chrome"],
}


def needed(package: str) -> str:
    """The path of a program of this package. Skips without GLM_TEST_TEAM, with which all is there: then a missing one
    is a failure.
    """
    if not os.environ.get("GLM_TEST_TEAM"):
        pytest.skip(f"with {package} it is tested by scripts/test-team")
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
    for name in PROGRAMS[package]:
        if found := shutil.which(name, path=path):
            return found
    pytest.fail(f"needs {package}; scripts/test-team installs it")

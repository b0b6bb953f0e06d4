"""A server whose answers are simulated, GLM_SIMULATE=1: what its callers send is theirs, as with a real service."""

from __future__ import annotations

from support.plain_http import HTTP

from glm_mcp.server.simulated import simulated
from glm_mcp.settings import Settings


def test_no_other_program_reads_what_is_sent_or_puts_answers_in_the_place_of_the_models() -> None:
    settings = simulated(Settings(GLM_SIMULATE="1"))
    control = settings.base_url.rpartition("/api/")[0] + "/_simulator"

    def asked() -> str:
        body = {"model": "glm-4.7-flash", "messages": [{"role": "user", "content": "twelve boats"}]}
        headers = {"Authorization": f"Bearer {settings.key}"}
        return HTTP.post(settings.base_url + "/chat/completions", json=body, headers=headers, timeout=60).text

    assert "twelve boats" in asked()
    for path in ("received", "health"):
        answer = HTTP.get(f"{control}/{path}", timeout=60)
        assert answer.status_code == 404
        assert "twelve boats" not in answer.text
    assert HTTP.post(f"{control}/queue", json=[{"text": "scripted"}], timeout=60).is_client_error
    assert "scripted" not in asked()

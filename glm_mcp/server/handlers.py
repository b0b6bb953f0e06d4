"""Prompts, resources and completions as the protocol wants them; what they say is in `prompts.py` and `resources.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from glm_mcp.clients.table import splits_prompts
from glm_mcp.errors import ForbiddenPath, GLMError, NotFound
from glm_mcp.glm.threads import in_thread
from glm_mcp.server import prompts, resources
from glm_mcp.text import one_line

if TYPE_CHECKING:
    from glm_mcp.server.app import App

RESOURCE_NOT_FOUND = -32002  # of the versions before 2026-07-28; the SDK no longer names it

Context = ServerRequestContext[Any, Any]


class Handlers:
    """The handlers of one server."""

    def __init__(self, app: App) -> None:
        self._app = app

    def _prompts(self, context: Context) -> dict[str, prompts.Prompt]:
        """Those that whoever sent a request may use, by name."""
        tools = [t.name for t in self._app.tools_of(self._app.caller_of(context))]
        return {p.name: p for p in prompts.offered(tools)}

    async def list_resources(
        self, context: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=await in_thread(resources.listed, self._app.outputs_for(context))
        )

    async def list_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=list(resources.TEMPLATES))

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri, outputs = str(params.uri), self._app.outputs_for(context)
        usage = self._app.usage_for(context)  # on the event loop, whose clock it reads
        sandbox = None if self._app.remote else self._app.sandbox
        try:
            contents = await in_thread(resources.read, uri, outputs, usage, self._app.glm, sandbox)
            return types.ReadResourceResult(contents=[contents])
        except (NotFound, ForbiddenPath) as error:
            # 2026-07-28 says invalid params; every older version has a code of its own for it.
            modern = context.protocol_version >= "2026-07-28"
            code = types.INVALID_PARAMS if modern else RESOURCE_NOT_FOUND
            raise MCPError(code, str(error), {"uri": one_line(uri[:8_000])[:300]}) from None

    async def list_prompts(
        self, context: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        client = context.session.client_params
        splits = splits_prompts(client.client_info.name if client else "")
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=p.name,
                    title=p.title,
                    description=p.description,
                    arguments=[
                        types.PromptArgument(name=a.name, description=a.description, required=a.required)
                        for a in prompts.arguments(p, splits=splits)
                    ],
                )
                for p in self._prompts(context).values()
            ]
        )

    async def get_prompt(
        self, context: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        offered = self._prompts(context)
        prompt = offered.get(params.name)
        if prompt is None:
            known = ", ".join(offered) or "none"
            raise MCPError(
                types.INVALID_PARAMS,
                f"Unknown prompt: {one_line(params.name[:8_000])[:80]}. There are: {known}.",
            )
        try:
            text = prompts.write(prompt, params.arguments or {})
        except GLMError as error:
            raise MCPError(types.INVALID_PARAMS, one_line(f"{error.message}. {error.hint}")) from None
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    async def complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        ref, argument = params.ref, params.argument
        prompt = self._prompts(context).get(ref.name) if isinstance(ref, types.PromptReference) else None

        def values() -> list[str]:
            if isinstance(ref, types.ResourceTemplateReference):
                return resources.complete(ref.uri, argument.value, self._app.outputs_for(context))
            # File names of this machine mean nothing to a caller over HTTP, and are not theirs to know.
            sandbox = None if self._app.remote else self._app.sandbox
            return prompts.complete(prompt, argument.name, argument.value, sandbox) if prompt else []

        matches = await in_thread(values)
        maximum = prompts.MAX_VALUES
        return types.CompleteResult(
            completion=types.Completion(
                values=matches[:maximum], total=len(matches), has_more=len(matches) > maximum
            )
        )

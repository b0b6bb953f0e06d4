# shellcheck shell=bash
# Sourced by the scripts that drive real clients: which versions, and how they are fetched from the npm registry into a
# cache beside the repository's own files, in $clients. $missing names the commands of which the registry has no package.
# shellcheck disable=SC2034 # what the others use
clients="${HOST_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/glm-mcp-hosts}"
missing=""
# package@version, and the command that it brings. Several clients need node 22; an older one silently gets older clients.
client_packages="
node@22.23.3 node
@anthropic-ai/claude-code@2.1.332 claude
@openai/codex@0.171.0 codex
cline@3.0.65 cline
@google/gemini-cli@0.61.0 gemini
opencode-ai@1.18.33 opencode
@kilocode/cli-linux-x64@7.7.9 kilo
@qwen-code/qwen-code@0.24.4 qwen
@github/copilot@1.0.102 copilot
@modelcontextprotocol/inspector@2.12.0 mcp-inspector
@anthropic-ai/mcpb@2.1.2 mcpb
@modelcontextprotocol/conformance@0.2.0-alpha.12 conformance
"

there() { # whether package@version is installed
  [ -f "$clients/node_modules/${1%@*}/package.json" ] && grep -q "\"version\": \"${1##*@}\"" "$clients/node_modules/${1%@*}/package.json"
}

fetch() { # fetch PACKAGE@VERSION; 44 where the registry does not have it
  there "$1" && return
  echo "$(basename "$0"): installing $1 ..." >&2
  local log
  log="$(mktemp)"
  if (cd "$clients" && npm install --save-exact --no-audit --no-fund --loglevel=error "$1") > "$log" 2>&1; then rm -f "$log"; return; fi
  if grep -qE "E404|ETARGET|EBADPLATFORM|notarget" "$log"; then
    echo "################################################################################" >&2
    echo "## $(basename "$0"): SKIPPED, THE REGISTRY HAS NO PACKAGE $1" >&2
    echo "################################################################################" >&2
    rm -f "$log"
    return 44
  fi
  cat "$log" >&2
  rm -f "$log"
  return 1
}

fetch_clients() { # fetch_clients [COMMAND …]: these, or all
  command -v npm >/dev/null || { echo "$(basename "$0"): npm is needed" >&2; exit 1; }
  mkdir -p "$clients"
  [ -f "$clients/package.json" ] || echo '{"private": true}' > "$clients/package.json"
  export PATH="$clients/node_modules/.bin:$PATH"
  local package command status
  while read -r package command; do
    [ -n "$package" ] || continue
    [ $# = 0 ] || [[ " node $* " = *" $command "* ]] || continue
    status=0
    fetch "$package" || status=$?
    # Of Kilo Code the program alone: its own package links it, and asks for builds that are not all there.
    [ "$command" != kilo ] || [ "$status" != 0 ] || ln -sf ../@kilocode/cli-linux-x64/bin/kilo "$clients/node_modules/.bin/kilo"
    case "$status" in 0) ;; 44) missing="$missing $command" ;; *) exit "$status" ;; esac
  done <<< "$client_packages"
}

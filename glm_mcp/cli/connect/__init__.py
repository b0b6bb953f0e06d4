"""`glm-mcp connect URL`: a server over stdio on the user's machine that forwards to a team's server over HTTP.

lines      JSON-RPC, a message a line
bridge     which message goes where, and what is said while the server is away
upstream   one request over HTTP, and every way in which it fails
sources    local files on the way there          results    files on the way back
memory     what the server said last
"""

from glm_mcp.cli import main

main()

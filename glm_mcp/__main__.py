from glm_mcp.cli.main import main

main()

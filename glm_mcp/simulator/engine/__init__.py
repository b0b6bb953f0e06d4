"""A self-hosted engine with open weights, simulated: as strict as vLLM, SGLang or llama.cpp are."""

"""HOW to speak to an inference engine: managed llama.cpp worker, llama-cpp-python."""

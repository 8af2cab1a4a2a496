# Read after llama.cpp's own project(): Python needs its library alone. llama-cpp-python sets LLAMA_BUILD_COMMON by
# force, and what that adds (chat parsers, templates, an HTTP client) takes as long to compile as all the rest.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "Build llama.cpp common library" FORCE)

// Stands in for llama.cpp's server where its ten minutes of compiling are too long: the same entry and the same
// questions about devices, a Unix socket, a moment in which it is still loading, and one answer to every prompt.
// It prints each prompt, as a parser that fails would.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

extern "C" {
size_t ggml_backend_dev_count() { return 1; }
void *ggml_backend_dev_get(size_t) { return nullptr; }
const char *ggml_backend_dev_description(void *) { return "Small 1"; }
int ggml_backend_dev_type(void *) { return 0; }
}

static std::string after(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], name)) return argv[i + 1];
    }
    return "";
}

static void reply(int peer, const char *status, const std::string &type, const std::string &body) {
    std::string head = std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type + "\r\nConnection: close\r\n" +
                       "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    std::string all = head + body;
    (void)!write(peer, all.data(), all.size());
    close(peer);
}

static void serve(int peer, const std::string &key, bool loaded) {
    char buffer[65536];
    ssize_t length = read(peer, buffer, sizeof buffer);
    std::string request(buffer, length > 0 ? length : 0);
    if (request.rfind("GET /health", 0) == 0) return reply(peer, loaded ? "200 OK" : "503 Loading", "text/plain", "");
    if (request.find("Authorization: Bearer " + key + "\r\n") == std::string::npos) {
        return reply(peer, "401 Unauthorized", "text/plain", "");
    }
    fprintf(stderr, "%s\n", request.c_str());
    if (request.find("die now") != std::string::npos) abort();
    reply(peer, "200 OK", "text/event-stream",
          "data: {\"choices\":[{\"index\":0,\"text\":\"small\",\"finish_reason\":\"stop\"}]}\n\n"
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n");
}

int llama_server(int argc, char **argv) {
    std::string path = after(argc, argv, "--host"), key = after(argc, argv, "--api-key");
    fprintf(stderr, "loading %s\n", after(argc, argv, "--model").c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (sockaddr *)&address, sizeof address) || listen(listener, 16)) return 1;
    if (after(argc, argv, "--alias") == "unloadable") return 1;
    auto ready = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    for (;;) {
        int peer = accept(listener, nullptr, nullptr);
        bool loaded = std::chrono::steady_clock::now() > ready;
        std::thread([=] { serve(peer, key, loaded); }).detach();
    }
}

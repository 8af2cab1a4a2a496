/* A driver of two GPUs, for tests: the few functions of NVML that the planner asks, with figures that are easy to know.
 *
 * The first has 80 GiB, 60 of them free, and tells its power and counts its energy: 412.5 W, always. The second has
 * 24 GiB, all free, and does neither. Environment: FAKE_NVML=absent makes the start fail as without a device,
 * FAKE_NVML=lost loses the second one, FAKE_NVML=old has GPUs that count no energy, FAKE_NVML=fails loses the first one's
 * counter after three looks at it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned int pid; unsigned long long bytes; unsigned int instance, compute; } process;

static const unsigned long long GIB = 1ULL << 30;
static int is(const char *state) { const char *said = getenv("FAKE_NVML"); return said && !strcmp(said, state); }

int nvmlInitWithFlags(unsigned int flags) { return is("absent") ? 9 : 0; } /* NVML_ERROR_DRIVER_NOT_LOADED */
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code ? "an error" : "no error"; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int number, void **handle) {
    if (number && is("lost")) return 15; /* NVML_ERROR_GPU_IS_LOST */
    *handle = (void *)(unsigned long)(number + 1);
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory *found) {
    int first = handle == (void *)1;
    found->total = first ? 80 * GIB : 24 * GIB;
    found->free = first ? 60 * GIB : 24 * GIB;
    found->used = found->total - found->free;
    return 0;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned int length) {
    strncpy(name, handle == (void *)1 ? "Large GPU" : "Small GPU", length);
    return 0;
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    *major = handle == (void *)1 ? 9 : 8;
    *minor = handle == (void *)1 ? 0 : 6;
    return 0;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned int *milliwatts) {
    *milliwatts = 412500;
    return handle == (void *)1 ? 0 : 3; /* NVML_ERROR_NOT_SUPPORTED */
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
    static int looks;
    struct timespec now;
    if (is("old") || handle != (void *)1) return 3; /* NVML_ERROR_NOT_SUPPORTED */
    if (is("fails") && ++looks > 3) return 15; /* NVML_ERROR_GPU_IS_LOST */
    clock_gettime(CLOCK_MONOTONIC, &now);
    *millijoules = 7000000ULL + (unsigned long long)((now.tv_sec + now.tv_nsec / 1e9) * 412500.0);
    return 0;
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned int *milliwatts) {
    *milliwatts = 700000;
    return handle == (void *)1 ? 0 : 3;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned int *count, process *found) {
    unsigned int room = *count;
    *count = 1;
    if (room < 1) return 7; /* NVML_ERROR_INSUFFICIENT_SIZE */
    memset(found, 0, sizeof *found);
    found->pid = 4242;
    found->bytes = handle == (void *)1 ? 3 * GIB : 0;
    return 0;
}

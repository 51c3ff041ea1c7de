// Runs the text of mix.cu as C++: every thread of every block, one after the other.
//
// Each access is checked (within a registered buffer, aligned, allowed), counted, and watched: a
// byte that one thread writes and another one touches is a race, whatever the order was today.
// Needs the C library only, so that any compiler of C++ will do.

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C"
#endif

typedef unsigned long long Address;

struct Dim3 {
    unsigned x, y, z;
};
static Dim3 threadIdx, blockIdx, blockDim, gridDim;

// What the threads that ran so far did to a byte. Threads count from 1.
struct Shadow {
    unsigned writer, reader;
};
static const unsigned SEVERAL = ~0u;

struct Buffer {
    Address begin, end;
    bool writable;
    Shadow* shadow;  // made when a launch first touches the buffer
};
static Buffer* buffers = nullptr;
static int buffer_count = 0, buffer_room = 0;

struct Report {
    Address loaded, stored, faults;
    char text[4000];  // the first faults, a line each
};
static Report* report;
static unsigned thread;

static void fault(const char* what, Address address, int size) {
    ++report->faults;
    const size_t used = strlen(report->text);
    snprintf(report->text + used, sizeof report->text - used,
             "%s: %d bytes at %llx, block (%u, %u), thread %u\n", what, size, address, blockIdx.x,
             blockIdx.y, threadIdx.x);
}

static Buffer* find(Address address, int size) {
    for (int k = 0; k < buffer_count; ++k) {
        Buffer& buffer = buffers[k];
        if (buffer.begin <= address && address + size <= buffer.end) return &buffer;
    }
    return nullptr;
}

static Shadow* shadow_of(Buffer& buffer, Address address) {
    if (!buffer.shadow) {
        buffer.shadow = (Shadow*)calloc(buffer.end - buffer.begin, sizeof(Shadow));
        if (!buffer.shadow) abort();
    }
    return buffer.shadow + (address - buffer.begin);
}

static bool may_load(Address address, int size) {
    report->loaded += size;
    if (address % size) fault("misaligned load", address, size);
    Buffer* buffer = find(address, size);
    if (!buffer) {
        fault("load out of bounds", address, size);
        return false;
    }
    Shadow* shadow = shadow_of(*buffer, address);
    bool race = false;
    for (int k = 0; k < size; ++k) {
        race |= shadow[k].writer && shadow[k].writer != thread;
        const unsigned reader = shadow[k].reader;
        shadow[k].reader = !reader || reader == thread ? thread : SEVERAL;
    }
    if (race) fault("race: loads what another thread stored", address, size);
    return true;
}

static bool may_store(Address address, int size) {
    report->stored += size;
    if (address % size) fault("misaligned store", address, size);
    Buffer* buffer = find(address, size);
    if (!buffer) {
        fault("store out of bounds", address, size);
        return false;
    }
    if (!buffer->writable) {
        fault("store to read-only memory", address, size);
        return false;
    }
    Shadow* shadow = shadow_of(*buffer, address);
    bool race = false;
    for (int k = 0; k < size; ++k) {
        race |= shadow[k].writer && shadow[k].writer != thread;
        race |= shadow[k].reader && shadow[k].reader != thread;
        shadow[k].writer = thread;
    }
    if (race) fault("race: stores over what another thread touched", address, size);
    return true;
}

template <class Type>
static Type checked_load(const void* address) {
    Type value = {};
    if (may_load((Address)address, sizeof(Type))) memcpy(&value, address, sizeof value);
    return value;
}

template <class Type>
static void checked_store(void* address, const Type& value) {
    if (may_store((Address)address, sizeof(Type))) memcpy(address, &value, sizeof value);
}

#define LOAD(Type, address) checked_load<Type>(address)
#define STORE(Type, address, value) checked_store<Type>(address, value)
#define __global__
#define __device__
#define __grid_constant__
#include "mix.cu"  // found in the folder that the tests build in: the text as it is, or changed

// Unpacks void** into the arguments of a kernel, by its own signature, as the driver does.
template <class... Types>
struct Unpack;
template <>
struct Unpack<> {
    template <class Kernel, class... Done>
    static void call(Kernel kernel, void**, const Done&... done) {
        kernel(done...);
    }
};
template <class Type, class... Rest>
struct Unpack<Type, Rest...> {
    template <class Kernel, class... Done>
    static void call(Kernel kernel, void** next, const Done&... done) {
        Unpack<Rest...>::call(kernel, next + 1, done..., *(const Type*)*next);
    }
};

struct Kernel {
    const char* name;
    void (*run)(void** arguments);
    int count;           // of its arguments
    const size_t* sizes;  // their bytes
};

template <class Function, Function* function>
struct Entry;
template <class... Types, void (*function)(Types...)>
struct Entry<void(Types...), function> {
    static void run(void** arguments) { Unpack<Types...>::call(function, arguments); }
    static Kernel kernel(const char* name) {
        static const size_t sizes[] = {sizeof(Types)...};
        return {name, run, sizeof...(Types), sizes};
    }
};

#define ENTRY(name) Entry<decltype(name), name>::kernel(#name)
#define ENTRIES(width) ENTRY(mix_new_##width), ENTRY(mix_inplace_##width)

static const Kernel* find_kernel(const char* name) {
    static Kernel kernels[10];
    if (!kernels[0].name) {
        const Kernel all[] = {ENTRIES(16), ENTRIES(8), ENTRIES(4), ENTRIES(2), ENTRIES(1)};
        memcpy(kernels, all, sizeof all);
    }
    for (const Kernel& kernel : kernels) {
        if (!strcmp(kernel.name, name)) return &kernel;
    }
    return nullptr;
}

static void run_block(const Kernel& kernel, Address block, void** arguments) {
    blockIdx.x = unsigned(block % gridDim.x);
    blockIdx.y = unsigned(block / gridDim.x % gridDim.y);
    blockIdx.z = unsigned(block / gridDim.x / gridDim.y);
    const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    for (unsigned k = 0; k < threads; ++k) {
        threadIdx.x = k % blockDim.x;
        threadIdx.y = k / blockDim.x % blockDim.y;
        threadIdx.z = k / blockDim.x / blockDim.y;
        thread = unsigned(block * threads + k + 1);
        kernel.run(arguments);
    }
}

EXPORT void shim_register(Address address, Address size, int writable) {
    if (buffer_count == buffer_room) {
        buffer_room = buffer_room * 2 + 16;
        buffers = (Buffer*)realloc(buffers, buffer_room * sizeof(Buffer));
        if (!buffers) abort();
    }
    buffers[buffer_count++] = {address, address + size, writable != 0, nullptr};
}

EXPORT void shim_forget(Address address) {
    for (int k = 0; k < buffer_count; ++k) {
        if (buffers[k].begin == address) {
            buffers[k] = buffers[--buffer_count];
            return;
        }
    }
}

// The number of arguments of a kernel and their sizes (up to 8), or -1 if no kernel has the name.
EXPORT int shim_parameters(const char* name, Address* sizes) {
    const Kernel* kernel = find_kernel(name);
    if (!kernel) return -1;
    for (int k = 0; k < kernel->count && k < 8; ++k) sizes[k] = kernel->sizes[k];
    return kernel->count;
}

// Runs a kernel with its blocks forward (0), in reverse (1) or shuffled (2).
EXPORT void shim_launch(const char* name, const unsigned* grid, const unsigned* block,
                        void** arguments, int order, Report* result) {
    report = result;
    memset(report, 0, sizeof *report);
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    const Kernel* kernel = find_kernel(name);
    const Address blocks = Address(grid[0]) * grid[1] * grid[2];
    const Address prime = 2654435761ull;  // steps through any grid that could be run here
    for (Address k = 0; k < blocks; ++k) {
        const Address chosen = order == 0 ? k : order == 1 ? blocks - 1 - k : k * prime % blocks;
        run_block(*kernel, chosen, arguments);
    }
    for (int k = 0; k < buffer_count; ++k) {
        free(buffers[k].shadow);
        buffers[k].shadow = nullptr;
    }
}

// Where the fields of a job lie: the numbers in their order, then its rows and the whole.
EXPORT int shim_job_layout(Address* places) {
    const Address found[] = {
        offsetof(Job, source), offsetof(Job, target),      offsetof(Job, source_step),
        offsetof(Job, target_step), offsetof(Job, size),   offsetof(Job, run),
        offsetof(Job, height), offsetof(Job, pixel),       offsetof(Job, short_cycle),
        offsetof(Job, longer), offsetof(Job, rows),        sizeof(Job)};
    memcpy(places, found, sizeof found);
    return sizeof found / sizeof *found;
}

EXPORT int shim_row_layout(Address* places) {
    const Address found[] = {offsetof(Row, x_min),  offsetof(Row, y_min), offsetof(Row, x_max),
                             offsetof(Row, y_max),  offsetof(Row, sample), offsetof(Row, donor),
                             sizeof(Row)};
    memcpy(places, found, sizeof found);
    return sizeof found / sizeof *found;
}

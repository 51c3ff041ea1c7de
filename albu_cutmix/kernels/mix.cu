// Mix a batch as bytes: inside the patch of a sample lie the bytes of its donor, at the same place.
//
// No shared memory, no barriers, no warp intrinsics: a thread owns its bytes alone. So this very
// text also runs as plain C++, where LOAD and STORE check and count every access. Keep it so.

#ifndef LOAD
#define LOAD(Type, address) (*reinterpret_cast<const Type*>(address))
#define STORE(Type, address, value) (*reinterpret_cast<Type*>(address) = (value))
#endif

typedef unsigned char Byte;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef long long int64;

// A patch, half-open in pixels, the sample that it lies in, and the one that fills it.
struct Row {
    uint16 x_min, y_min, x_max, y_max, sample, donor;
};

// The argument of every kernel. The host knows it as the dtype JOB of launches.py.
struct Job {
    Byte* source;  // sample k begins at source + k * source_step
    Byte* target;
    int64 source_step, target_step;
    uint32 size, run, height, pixel;  // bytes of a sample, bytes of a row; rows; bytes of a pixel
    uint32 short_cycle, longer;       // the first `longer` cycles have short_cycle + 1 rows
    Row rows[320];
};

// So many bytes that are loaded and stored at once.
template <class Word, int COUNT>
struct alignas(COUNT * sizeof(Word)) Words {
    Word words[COUNT];

    __device__ void set(int byte, Byte value) {
        words[byte / sizeof(Word)] |= Word(Word(value) << 8 * (byte % sizeof(Word)));
    }
    __device__ Byte get(int byte) const {
        return Byte(words[byte / sizeof(Word)] >> 8 * (byte % sizeof(Word)));
    }
};

template <int WIDTH> struct Vector;
template <> struct Vector<16> { typedef Words<uint32, 4> type; };
template <> struct Vector<8> { typedef Words<uint32, 2> type; };
template <> struct Vector<4> { typedef Words<uint32, 1> type; };
template <> struct Vector<2> { typedef Words<uint16, 1> type; };
template <> struct Vector<1> { typedef Words<Byte, 1> type; };

// Where a byte lies in a plane: its row, and the byte within it.
struct Place {
    uint32 y, column;

    __device__ Place(const Job& job, uint32 offset) {
        const uint32 row = offset / job.run;
        y = row % job.height;
        column = offset - row * job.run;
    }
    __device__ void advance(const Job& job) {
        if (++column < job.run) return;
        column = 0;
        if (++y == job.height) y = 0;
    }
};

// The columns of a patch in bytes.
struct Patch {
    uint32 y_min, y_max, begin, end;

    __device__ Patch(const Job& job, const Row& row)
        : y_min(row.y_min),
          y_max(row.y_max),
          begin(row.x_min * job.pixel),
          end(row.x_max * job.pixel) {}
    __device__ bool holds(const Place& at) const {
        return y_min <= at.y && at.y < y_max && begin <= at.column && at.column < end;
    }
};

enum Cover { NONE, PART, ALL };

// How much of a vector lies in a patch. One that goes on in the next row is looked at by bytes.
template <int WIDTH>
__device__ Cover cover(const Job& job, const Patch& patch, const Place& at) {
    const uint32 last = at.column + WIDTH;
    if (last > job.run) return PART;
    if (at.y < patch.y_min || at.y >= patch.y_max) return NONE;
    if (last <= patch.begin || at.column >= patch.end) return NONE;
    return patch.begin <= at.column && last <= patch.end ? ALL : PART;
}

// Load the bytes of a vector that lie in a patch.
template <int WIDTH>
__device__ typename Vector<WIDTH>::type take(
    const Job& job, const Patch& patch, Place at, const Byte* from) {
    typedef typename Vector<WIDTH>::type Block;
    const Cover covered = cover<WIDTH>(job, patch, at);
    if (covered == ALL) return LOAD(Block, from);
    Block block = {};
    if (covered == NONE) return block;
#pragma unroll
    for (int byte = 0; byte < WIDTH; ++byte, at.advance(job)) {
        if (patch.holds(at)) block.set(byte, LOAD(Byte, from + byte));
    }
    return block;
}

// Store the bytes of a vector that lie in a patch.
template <int WIDTH>
__device__ void put(
    const Job& job, const Patch& patch, Place at, Byte* to,
    const typename Vector<WIDTH>::type& block) {
    typedef typename Vector<WIDTH>::type Block;
    const Cover covered = cover<WIDTH>(job, patch, at);
    if (covered == ALL) STORE(Block, to, block);
    if (covered != PART) return;
#pragma unroll
    for (int byte = 0; byte < WIDTH; ++byte, at.advance(job)) {
        if (patch.holds(at)) STORE(Byte, to + byte, block.get(byte));
    }
}

// Write one vector of one sample, from its donor or from itself.
template <int WIDTH>
__device__ void mix_new(const Job& job) {
    typedef typename Vector<WIDTH>::type Block;
    const uint32 index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= job.size / WIDTH) return;
    const uint32 offset = index * WIDTH;
    const Row row = job.rows[blockIdx.y];
    const Byte* own = job.source + row.sample * job.source_step + offset;
    const Byte* donor = job.source + row.donor * job.source_step + offset;
    const Patch patch(job, row);
    Place at(job, offset);
    const Cover covered = cover<WIDTH>(job, patch, at);
    Block block = {};
    if (covered == PART) {
#pragma unroll
        for (int byte = 0; byte < WIDTH; ++byte, at.advance(job)) {
            block.set(byte, LOAD(Byte, (patch.holds(at) ? donor : own) + byte));
        }
    } else {
        block = LOAD(Block, covered == ALL ? donor : own);
    }
    STORE(Block, job.target + row.sample * job.target_step + offset, block);
}

// Mix one vector of all samples of one cycle, in order: each donor is read before it is written.
// Only the first sample is needed after that, by the last one: its bytes are kept from the start.
template <int WIDTH>
__device__ void mix_inplace(const Job& job) {
    const uint32 index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= job.size / WIDTH) return;
    const uint32 offset = index * WIDTH, cycle = blockIdx.y;
    const bool longer = cycle < job.longer;
    const uint32 first = cycle * job.short_cycle + (longer ? cycle : job.longer);
    const uint32 last = first + job.short_cycle - (longer ? 0 : 1);
    const Place at(job, offset);
    Byte* const origin = job.target + offset;
    const Row closing = job.rows[last];
    const Patch closing_patch(job, closing);
    const typename Vector<WIDTH>::type kept =
        take<WIDTH>(job, closing_patch, at, origin + closing.donor * job.target_step);
    for (uint32 k = first; k < last; ++k) {
        const Row row = job.rows[k];
        const Patch patch(job, row);
        put<WIDTH>(job, patch, at, origin + row.sample * job.target_step,
                   take<WIDTH>(job, patch, at, origin + row.donor * job.target_step));
    }
    put<WIDTH>(job, closing_patch, at, origin + closing.sample * job.target_step, kept);
}

#define KERNELS(WIDTH)                                                                  \
    extern "C" __global__ void mix_new_##WIDTH(const __grid_constant__ Job job) {       \
        mix_new<WIDTH>(job);                                                            \
    }                                                                                   \
    extern "C" __global__ void mix_inplace_##WIDTH(const __grid_constant__ Job job) {   \
        mix_inplace<WIDTH>(job);                                                        \
    }

KERNELS(16)
KERNELS(8)
KERNELS(4)
KERNELS(2)
KERNELS(1)

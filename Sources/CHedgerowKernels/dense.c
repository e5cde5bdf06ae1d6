#include "dense.h"
#include <math.h>
#include <string.h>
#include "dispatch.h"

// The numbers of HedgerowCore's RandomStream: number i of a key is mix(key + (i + 1) gamma).
#define GAMMA 0x9E3779B97F4A7C15ull

static inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

#define T float
#define NAME(name) name##_f32
#define EXP expf
#define LOG logf
#define UNIT_BITS 24
#include "dense_template.h"
#undef T
#undef NAME
#undef EXP
#undef LOG
#undef UNIT_BITS

#define T double
#define NAME(name) name##_f64
#define EXP exp
#define LOG log
#define UNIT_BITS 53
#include "dense_template.h"

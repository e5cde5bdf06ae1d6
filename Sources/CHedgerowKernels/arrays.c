#include "arrays.h"
#include <math.h>
#include <string.h>
#include "dispatch.h"
#include "pairs.h"
#include "stream.h"

#define EACH(value)            \
  HR_EACH_PAIR(ELEMENT, value) \
  break
#define COMPARE(S)                                                                            \
  HR_CLONES void hr_compare_##S(hr_comparison comparison, bool *out, const ELEMENT *a,        \
                                ptrdiff_t a_row, size_t a_step, const ELEMENT *b,             \
                                ptrdiff_t b_row, size_t b_step, size_t rows, size_t n) {      \
    switch (comparison) {                                                                     \
      case hr_equal: EACH(u == v);                                                            \
      case hr_unequal: EACH(u != v);                                                          \
      case hr_less: EACH(u < v);                                                              \
      case hr_less_or_equal: EACH(u <= v);                                                    \
      case hr_both: EACH(u != 0 && v != 0);                                                   \
      case hr_either: EACH(u != 0 || v != 0);                                                 \
    }                                                                                         \
  }
#define ELEMENT bool
COMPARE(bool)
#undef ELEMENT
#define ELEMENT uint8_t
COMPARE(u8)
#undef ELEMENT
#define ELEMENT int32_t
COMPARE(i32)
#undef ELEMENT
#define ELEMENT uint32_t
COMPARE(u32)
#undef ELEMENT
#define ELEMENT int64_t
COMPARE(i64)
#undef ELEMENT
#define ELEMENT float
COMPARE(f32)
#undef ELEMENT
#define ELEMENT double
COMPARE(f64)
#undef ELEMENT
#undef EACH

#define T float
#define NAME(name) name##_f32
#define FUNCTION(name) name##f
#define UNIT_BITS 24
#include "arrays_template.h"
#undef T
#undef NAME
#undef FUNCTION
#undef UNIT_BITS

#define T double
#define NAME(name) name##_f64
#define FUNCTION(name) name
#define UNIT_BITS 53
#include "arrays_template.h"

HR_CLONES void hr_bernoulli(bool *out, double probability, uint64_t key, uint64_t first,
                            size_t n) {
  for (size_t i = 0; i < n; i++)
    out[i] = (double)(int64_t)(mix(key + (first + i + 1) * GAMMA) >> 11) * 0x1p-53 < probability;
}

static inline uint32_t bits_of(float x) {
  union { float f; uint32_t u; } v = {.f = x};
  return v.u;
}

static inline float float_of(uint32_t bits) {
  union { uint32_t u; float f; } v = {.u = bits};
  return v.f;
}

// Halves by integer arithmetic, as gather.c has them the other way: subnormals of the result are
// rounded by adding a number whose last bit is theirs (after F. Giesen).
HR_CLONES void hr_to_half(uint16_t *restrict out, const float *restrict x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = bits_of(x[i]), sign = bits & 0x80000000, size = bits ^ sign;
    const uint32_t special = size > 0x7F800000 ? 0x7E00 : 0x7C00;
    const uint32_t small = bits_of(float_of(size) + float_of(0x3F000000)) - 0x3F000000;
    const uint32_t normal = (size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13;
    const uint32_t half = size >= 0x47800000 ? special : size < 0x38800000 ? small : normal;
    out[i] = (uint16_t)(half | sign >> 16);
  }
}

HR_CLONES void hr_from_half(float *restrict out, const uint16_t *restrict x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = (uint32_t)(x[i] & 0x7FFF) << 13, exponent = bits & 0x0F800000;
    const uint32_t normal = bits + 0x38000000 + (exponent == 0x0F800000 ? 0x38000000 : 0);
    const uint32_t small = bits_of(float_of(bits + 0x38800000) - 6.103515625e-05f);
    out[i] = float_of((exponent == 0 ? small : normal) | (uint32_t)(x[i] & 0x8000) << 16);
  }
}

HR_CLONES void hr_to_bfloat(uint16_t *restrict out, const float *restrict x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = bits_of(x[i]);
    const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    out[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : rounded);
  }
}

HR_CLONES void hr_from_bfloat(float *restrict out, const uint16_t *restrict x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = float_of((uint32_t)x[i] << 16);
}

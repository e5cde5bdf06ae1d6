#include "gather.h"
#include "dispatch.h"
#include "halves.h"
#include <string.h>

enum { ahead_rows = 8 };

HR_CLONES static void widen_half(const uint16_t *restrict in, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = half_to_float(in[i]);
}

HR_CLONES static void widen_bfloat(const uint16_t *restrict in, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = bfloat_to_float(in[i]);
}

HR_CLONES static void scale_i8(const int8_t *restrict in, size_t n, float scale,
                               float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = (float)in[i] * scale;
}

#define WIDEN(name, type)                                                                     \
  HR_CLONES static void name(const type *restrict in, size_t n, float *restrict out) {        \
    for (size_t i = 0; i < n; i++) out[i] = (float)in[i];                                     \
  }
WIDEN(widen_u8, uint8_t)
WIDEN(widen_f64, double)
WIDEN(widen_i16, int16_t)
WIDEN(widen_i32, int32_t)
WIDEN(widen_i64, int64_t)

static const size_t element_bytes[] = {4, 2, 1, 1, 8, 2, 4, 8, 2};

ptrdiff_t hr_gather_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                         size_t stride, hr_element element, float scale, size_t width,
                         const uint32_t *nodes, size_t count, float *out) {
  const uint64_t low = ((uint64_t)1 << shift) - 1;
  const size_t bytes = width * element_bytes[element];
  for (size_t i = 0; i < count; i++, out += width) {
    if (i + ahead_rows < count) {
      uint64_t next = nodes[i + ahead_rows];
      if (next >> shift < range_count && (next & low) < ranges[next >> shift].row_count) {
        const char *row = (const char *)ranges[next >> shift].rows + (next & low) * stride;
        size_t most = bytes < 1024 ? bytes : 1024;
        for (size_t at = 0; at < most; at += 64) __builtin_prefetch(row + at);
      }
    }
    uint64_t number = (uint64_t)nodes[i] >> shift, row = nodes[i] & low;
    if (number >= range_count || row >= ranges[number].row_count) return (ptrdiff_t)i;
    const hr_matrix_range *range = &ranges[number];
    if (range->validity && !(range->validity[row >> 6] >> (row & 63) & 1)) {
      memset(out, 0, width * sizeof *out);
      continue;
    }
    const void *in = (const char *)range->rows + row * stride;
    switch (element) {
      case hr_float32: memcpy(out, in, bytes); break;
      case hr_float16: widen_half(in, width, out); break;
      case hr_uint8: widen_u8(in, width, out); break;
      case hr_int8: scale_i8(in, width, scale, out); break;
      case hr_float64: widen_f64(in, width, out); break;
      case hr_int16: widen_i16(in, width, out); break;
      case hr_int32: widen_i32(in, width, out); break;
      case hr_int64: widen_i64(in, width, out); break;
      case hr_bfloat16: widen_bfloat(in, width, out); break;
    }
  }
  return -1;
}

float hr_half_to_float(uint16_t half) { return half_to_float(half); }

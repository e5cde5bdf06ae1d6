// Registers of half a cache line: those of AVX2, and what AVX-512 works in, too, by default.
#pragma once
#include <stdint.h>
#include <string.h>
#include "dispatch.h"

// Vectors are passed between functions that are always inlined: how others pass them does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float lanes_f32 __attribute__((vector_size(32)));
typedef double lanes_f64 __attribute__((vector_size(32)));

#define PICK __builtin_shufflevector

// The sums of the lanes of four registers, each in pairs of ever nearer ones.
HR_INLINE void add_lanes_f32(float *out, const lanes_f32 *sums) {
  typedef float quad __attribute__((vector_size(16)));
  const lanes_f32 a = PICK(sums[0], sums[1], 0, 8, 1, 9, 4, 12, 5, 13) +
                      PICK(sums[0], sums[1], 2, 10, 3, 11, 6, 14, 7, 15);
  const lanes_f32 b = PICK(sums[2], sums[3], 0, 8, 1, 9, 4, 12, 5, 13) +
                      PICK(sums[2], sums[3], 2, 10, 3, 11, 6, 14, 7, 15);
  const lanes_f32 c = PICK(a, b, 0, 1, 8, 9, 4, 5, 12, 13) + PICK(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  const quad sum = PICK(c, c, 0, 1, 2, 3) + PICK(c, c, 4, 5, 6, 7);
  memcpy(out, &sum, sizeof sum);
}

HR_INLINE void add_lanes_f64(double *out, const lanes_f64 *sums) {
  const lanes_f64 a = PICK(sums[0], sums[1], 0, 4, 2, 6) + PICK(sums[0], sums[1], 1, 5, 3, 7);
  const lanes_f64 b = PICK(sums[2], sums[3], 0, 4, 2, 6) + PICK(sums[2], sums[3], 1, 5, 3, 7);
  const lanes_f64 sum = PICK(a, b, 0, 1, 4, 5) + PICK(a, b, 2, 3, 6, 7);
  memcpy(out, &sum, sizeof sum);
}

#undef PICK

// Rows of 16 bits, widened a register at a time.
typedef uint32_t lanes_u32 __attribute__((vector_size(32)));
typedef int16_t halves __attribute__((vector_size(16)));
typedef int32_t lanes_i32 __attribute__((vector_size(32)));

// With copies of the sign in front.
HR_INLINE lanes_i32 load_halves(const uint16_t *from) {
  halves value;
  memcpy(&value, from, sizeof value);
  return __builtin_convertvector(value, lanes_i32);
}

HR_INLINE lanes_f32 widen_bf16(const uint16_t *from) {
  return (lanes_f32)((lanes_u32)load_halves(from) << 16);
}

// The exponent is put right by a multiplication, which makes numbers of subnormals, too; infinities
// and NaN get the largest.
HR_INLINE lanes_f32 widen_f16(const uint16_t *from) {
  const lanes_u32 bits = (lanes_u32)load_halves(from) << 13 & 0x8FFFE000;
  const lanes_u32 is_special = (lanes_u32)((bits & 0x0F800000) == 0x0F800000);
  const lanes_u32 scaled = (lanes_u32)((lanes_f32)bits * 0x1p112f);
  return (lanes_f32)(scaled | (is_special & 0x7F800000));
}

// Numbers of 16 bits as float32; lanes.h has a register of them at a time.
#pragma once
#include <stdint.h>
#include "dispatch.h"

// Half precision by integer arithmetic, so that no processor needs an instruction or a library for
// it; it vectorises. Subnormals are scaled by a subtraction (after F. Giesen).
HR_INLINE float half_to_float(uint16_t h) {
  uint32_t bits = (uint32_t)(h & 0x7FFF) << 13;
  uint32_t exponent = bits & 0x0F800000;
  bits += 0x38000000;                                      // bias 15 to 127
  uint32_t special = bits + 0x38000000;                    // infinity and NaN: to the top
  union { uint32_t u; float f; } v, s;
  v.u = exponent == 0x0F800000 ? special : bits;
  s.u = bits + 0x00800000;                                 // subnormal: renormalise
  s.f -= 6.103515625e-05f;
  v.u = exponent == 0 ? s.u : v.u;
  v.u |= (uint32_t)(h & 0x8000) << 16;
  return v.f;
}

HR_INLINE float bfloat_to_float(uint16_t h) {
  union { uint32_t u; float f; } v = {.u = (uint32_t)h << 16};
  return v.f;
}

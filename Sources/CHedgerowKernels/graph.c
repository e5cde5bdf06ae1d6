#include "graph.h"
#include <math.h>
#include <string.h>
#include "dispatch.h"

// Vectors are passed between functions that are always inlined: how others pass them does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

// Edges between the one being summed and the one whose row is fetched.
#define AHEAD 8
#define SOURCE(e) (size_t)(sources ? sources[e] : (e))

HR_CLONES bool hr_indices_are_valid(const uint32_t *rows, size_t count, uint32_t bound) {
  unsigned outside = 0;
  for (size_t i = 0; i < count; i++) outside |= rows[i] >= bound;
  return !outside;
}

HR_CLONES bool hr_indices_rise(const uint32_t *rows, size_t count, uint32_t bound) {
  unsigned falls = 0;
  for (size_t i = 1; i < count; i++) falls |= rows[i - 1] >= rows[i];
  return !falls && (count == 0 || rows[count - 1] < bound);
}

HR_CLONES bool hr_offsets_are_valid(const uint32_t *offsets, size_t rows) {
  unsigned falls = 0;
  for (size_t r = 0; r < rows; r++) falls |= offsets[r] > offsets[r + 1];
  return offsets[0] == 0 && !falls;
}

bool hr_rows_are_valid(const uint32_t *offsets, const uint32_t *sources, size_t rows,
                       uint32_t bound) {
  return hr_offsets_are_valid(offsets, rows) &&
         hr_indices_are_valid(sources, offsets[rows], bound);
}

// exp(x) for x <= 0, to within two units in the last place; 0 below -87. Vectorizes. Splits x into n
// log 2 + r with |r| <= log 2 / 2; the polynomial is Cephes' expf.
static inline float exp_below(float x) {
  const float n = __builtin_rintf(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  const int32_t exponent = (int32_t)(n > -126 ? n : -126) + 127;
  const uint32_t bits = (uint32_t)exponent << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return x < -87 ? 0 : p * scale;
}

#define T float
#define NAME(name) name##_f32
#define EXP expf
#define EXP_BELOW exp_below
#include "graph_template.h"
#undef T
#undef NAME
#undef EXP
#undef EXP_BELOW

#define T double
#define NAME(name) name##_f64
#define EXP exp
#define EXP_BELOW exp
#include "graph_template.h"

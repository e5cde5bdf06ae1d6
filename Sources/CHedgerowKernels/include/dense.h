// Inner loops over dense arrays, for float (`_f32`) and double (`_f64`).
//
// All are serial: callers cut the work. Sums run in one fixed order, so that results do not depend
// on who called. Arrays that are written overlap no other, but `out` may be an input itself where
// element i depends on element i alone (add, scale).
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HR_DECLARE_DENSE(T, S)                                                                    \
  /* out[i] = value */                                                                            \
  void hr_fill_##S(T *out, T value, size_t n);                                                    \
  /* out[i] = a[i] + b[i] */                                                                      \
  void hr_add_##S(T *out, const T *a, const T *b, size_t n);                                      \
  /* out[i] = factor * a[i] */                                                                    \
  void hr_scale_##S(T *out, const T *a, T factor, size_t n);                                      \
  /* out[c] += sum over r of a[r, c], rows in rising order */                                     \
  void hr_column_sums_##S(T *out, const T *a, size_t rows, size_t columns);                       \
  /* Sum of a[i] in 16 interleaved lanes, added up in rising order. */                            \
  T hr_sum_##S(const T *a, size_t n);                                                             \
  /* out[i] = low + extent * u, u = the top 24 (float) or 53 (double) bits of number first + i */ \
  void hr_uniform_##S(T *out, T low, T extent, uint64_t key, uint64_t first, size_t n);           \
  /* out[r] = the first column with the largest x[r, c] */                                        \
  void hr_arg_max_##S(int32_t *out, const T *x, size_t rows, size_t columns);

HR_DECLARE_DENSE(float, f32)
HR_DECLARE_DENSE(double, f64)
#undef HR_DECLARE_DENSE

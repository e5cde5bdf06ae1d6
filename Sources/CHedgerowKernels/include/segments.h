// Statistics of the rows of a graph's sources, and sums along its edges, for float (`_f32`) and
// double (`_f64`). Arguments are as graph.h has them.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HR_DECLARE_SEGMENTS(T, S)                                                                 \
  /* out[t] = the mean square of x[s] - means[t] over the sources s of t, means[t] that of x[s];  \
     0 without any. */                                                                            \
  void hr_segment_variance_##S(T *out, T *means, const T *x, const uint32_t *offsets,             \
                               const uint32_t *sources, size_t begin, size_t end, size_t width);  \
  /* dx[r] = sum of 2 dy[t] (x[s] - means[t]) / degree(t) over the targets t of s, which the      \
     transposed rows list; s is places[r], or r when `places` is null. */                         \
  void hr_segment_variance_backward_##S(                                                          \
      T *dx, const T *dy, const T *x, const T *means, const uint32_t *transposed_offsets,         \
      const uint32_t *targets, const uint32_t *places, const uint32_t *offsets, size_t begin,     \
      size_t end, size_t width);                                                                  \
  /* y[t] = log(sum of exp(x[s])) over the sources s of t; 0 without any */                       \
  void hr_segment_log_sum_exp_##S(T *y, const T *x, const uint32_t *offsets,                      \
                                  const uint32_t *sources, size_t begin, size_t end,              \
                                  size_t width);                                                  \
  /* dx[r] = sum of dy[t] exp(x[s] - y[t]) over the targets t of s, as above */                   \
  void hr_segment_log_sum_exp_backward_##S(T *dx, const T *dy, const T *x, const T *y,            \
                                           const uint32_t *transposed_offsets,                    \
                                           const uint32_t *targets, const uint32_t *places,       \
                                           size_t begin, size_t end, size_t width);               \
  /* out[e] = x[s] + y[t] for each entry e of t from s; it goes to places[e], or to e when        \
     `places` is null. */                                                                         \
  void hr_segment_add_##S(T *out, const T *x, const T *y, const uint32_t *offsets,                \
                          const uint32_t *sources, const uint32_t *places, size_t begin,          \
                          size_t end, size_t width);
HR_DECLARE_SEGMENTS(float, f32)
HR_DECLARE_SEGMENTS(double, f64)
#undef HR_DECLARE_SEGMENTS

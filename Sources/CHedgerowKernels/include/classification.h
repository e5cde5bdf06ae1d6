// Softmax and cross-entropy over rows, for float (`_f32`) and double (`_f64`). Serial: callers cut the
// rows. Sums run in one fixed order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HR_DECLARE_CLASSIFICATION(T, S)                                                          \
  /* Rows of exp(x - max) / sum; y may be x. */                                                  \
  void hr_softmax_##S(T *y, const T *x, size_t rows, size_t columns);                            \
  /* Rows of dx = y (dy - sum of y dy). */                                                       \
  void hr_softmax_backward_##S(T *dx, const T *dy, const T *y, size_t rows, size_t columns);     \
  /* Rows of x - max - log(sum of exp(x - max)); y may be x. */                                  \
  void hr_log_softmax_##S(T *y, const T *x, size_t rows, size_t columns);                        \
  /* Rows of dx = dy - exp(y) (sum of dy). */                                                    \
  void hr_log_softmax_backward_##S(T *dx, const T *dy, const T *y, size_t rows, size_t columns); \
  /* For rows with label t and class weights w (1 where null), whose sum is `total`, and with    \
     l[c] = log(sum over k of exp(x[k])) - x[c]:                                                 \
     losses[r] = (1 - smoothing) w[t] l[t] + smoothing / columns * sum over c of w[c] l[c],      \
     and `logs` the logarithms. Both 0 where the label is `ignored`. */                          \
  void hr_cross_entropy_##S(T *losses, T *logs, const T *x, const int32_t *labels,               \
                            const T *weights, T smoothing, int32_t ignored, size_t rows,         \
                            size_t columns);                                                     \
  /* dx[r, c] = dlosses[r step] times the slope of losses[r]; a step is 0 or 1. */               \
  void hr_cross_entropy_backward_##S(T *dx, const T *dlosses, size_t step, const T *logs,        \
                                     const T *x, const int32_t *labels, const T *weights,        \
                                     T total, T smoothing, int32_t ignored, size_t rows,         \
                                     size_t columns);

HR_DECLARE_CLASSIFICATION(float, f32)
HR_DECLARE_CLASSIFICATION(double, f64)
#undef HR_DECLARE_CLASSIFICATION

// Inner loops over dense arrays, for float (`_f32`) and double (`_f64`).
//
// All are serial: callers cut the work. Sums run in one fixed order, so that results do not depend
// on who called. Arrays that are written overlap no other, but `out` may be an input itself where
// element i depends on element i alone (add, scale, relu, dropout and their backward).
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
  /* out[i] = max(a[i], 0); NaN stays NaN */                                                      \
  void hr_relu_##S(T *out, const T *a, size_t n);                                                 \
  /* dx[i] = y[i] > 0 ? factor * dy[i] : 0, where y is what relu (and dropout) gave */            \
  void hr_relu_backward_##S(T *dx, const T *dy, const T *y, T factor, size_t n);                  \
  /* out[i] = kept(first + i) ? factor * a[i] : 0. Element j is kept when its 32 bits of the      \
     stream - half j % 2, low first, of number j / 2 - are at least `threshold`. `first` is even. \
  */                                                                                              \
  void hr_dropout_##S(T *out, const T *a, T factor, uint32_t threshold, uint64_t key,             \
                      uint64_t first, size_t n);                                                  \
  /* y[r, c] += bias[c] */                                                                        \
  void hr_add_bias_##S(T *y, const T *bias, size_t rows, size_t columns);                         \
  /* y[r, c] = max(y[r, c] + bias[c], 0) */                                                       \
  void hr_add_bias_relu_##S(T *y, const T *bias, size_t rows, size_t columns);                    \
  /* out[c] += sum over r of a[r, c], rows in rising order */                                     \
  void hr_column_sums_##S(T *out, const T *a, size_t rows, size_t columns);                       \
  /* Sum of a[i] in 16 interleaved lanes, added up in rising order. */                            \
  T hr_sum_##S(const T *a, size_t n);                                                             \
  /* out[i] = low + extent * u, u = the top 24 (float) or 53 (double) bits of number first + i */ \
  void hr_uniform_##S(T *out, T low, T extent, uint64_t key, uint64_t first, size_t n);           \
  /* Rows of exp(x - max) / sum. */                                                               \
  void hr_softmax_##S(T *out, const T *x, size_t rows, size_t columns);                           \
  /* losses[r] = log(sum over c of exp(x[r, c])) - x[r, labels[r]]; 0 where the label is -1. */   \
  void hr_cross_entropy_##S(T *losses, const T *x, const int32_t *labels, size_t rows,            \
                            size_t columns);                                                      \
  /* dx[r, c] = factor * (softmax(x)[r, c] - (c == labels[r])); 0 where the label is -1. */       \
  void hr_cross_entropy_backward_##S(T *dx, const T *x, const int32_t *labels, T factor,          \
                                     size_t rows, size_t columns);                                \
  /* out[r] = the first column with the largest x[r, c] */                                        \
  void hr_arg_max_##S(int32_t *out, const T *x, size_t rows, size_t columns);                     \
  /* One step of Adam, as torch.optim.Adam and AdamW: w *= shrink; g' = g + decay w;               \
     m = beta1 m + (1 - beta1) g'; v = beta2 v + (1 - beta2) g'^2; u = max(u, v), or v when         \
     `u` is null; w -= rate m / (root sqrt(u) + epsilon). `rate` is the learning rate /            \
     (1 - beta1^step), `root` 1 / sqrt(1 - beta2^step). */                                        \
  void hr_adam_##S(T *w, T *m, T *v, T *u, const T *g, size_t n, T rate, T root, T beta1,         \
                   T beta2, T epsilon, T decay, T shrink);

HR_DECLARE_DENSE(float, f32)
HR_DECLARE_DENSE(double, f64)
#undef HR_DECLARE_DENSE

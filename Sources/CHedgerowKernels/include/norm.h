// Normalization of rows and of columns, for float (`_f32`) and double (`_f64`). Serial: callers cut the
// rows. Sums run in one fixed order.
#pragma once
#include <stddef.h>

#define HR_DECLARE_NORM(T, S)                                                                  \
  /* Rows of y = (x - mean) scale w + b, scale = 1 / sqrt(variance + epsilon), and each row's  \
     mean and scale. `w` and `b` may be null: 1 and 0. */                                      \
  void hr_layer_norm_##S(T *y, T *means, T *scales, const T *x, const T *w, const T *b,        \
                         T epsilon, size_t rows, size_t columns);                              \
  /* Rows of dx, and the rows' parts of the gradients of w and b added to dw and db, unless    \
     null. */                                                                                  \
  void hr_layer_norm_backward_##S(T *dx, T *dw, T *db, const T *dy, const T *x,                \
                                  const T *means, const T *scales, const T *w, size_t rows,    \
                                  size_t columns);                                             \
  /* sums[c] += sum over r of (x[r, c] - means[c])^2 */                                        \
  void hr_column_squares_##S(T *sums, const T *x, const T *means, size_t rows, size_t columns); \
  /* sums[c] += sum over r of dy[r, c] (x[r, c] - means[c]) */                                 \
  void hr_column_products_##S(T *sums, const T *dy, const T *x, const T *means, size_t rows,   \
                              size_t columns);                                                 \
  /* y[r, c] = a[c] (x[r, c] - means[c]) + b[c] */                                             \
  void hr_scale_columns_##S(T *y, const T *x, const T *means, const T *a, const T *b,          \
                            size_t rows, size_t columns);                                      \
  /* dx[r, c] = a[c] dy[r, c] + b[c] (x[r, c] - means[c]) + s[c] */                            \
  void hr_combine_columns_##S(T *dx, const T *dy, const T *x, const T *means, const T *a,      \
                              const T *b, const T *s, size_t rows, size_t columns);

HR_DECLARE_NORM(float, f32)
HR_DECLARE_NORM(double, f64)
#undef HR_DECLARE_NORM

// The loops of elementwise.h for one element type: T, its suffix in NAME, its functions of libm in
// FUNCTION.
#include "dot_template.h"

HR_CLONES void NAME(hr_unary)(hr_unary function, T *y, const T *x, T p, size_t n) {
#define EACH(value)                                  \
  for (size_t i = 0; i < n; i++) {                   \
    T v = x[i];                                      \
    y[i] = (value);                                  \
  }                                                  \
  break
  switch (function) {
    case hr_negate: EACH(-v);
    case hr_reciprocal: EACH(1 / v);
    case hr_absolute: EACH(v < 0 ? -v : v);
    case hr_square: EACH(v * v);
    case hr_square_root: EACH(__builtin_elementwise_sqrt(v));
    case hr_reciprocal_square_root: EACH(1 / __builtin_elementwise_sqrt(v));
    case hr_exponential: EACH(NAME(exp)(v));
    case hr_logarithm: EACH(NAME(log)(v));
    case hr_logarithm_of_one_plus: EACH(FUNCTION(log1p)(v));
    case hr_exponential_minus_one: EACH(FUNCTION(expm1)(v));
    case hr_sine: EACH(FUNCTION(sin)(v));
    case hr_cosine: EACH(FUNCTION(cos)(v));
    case hr_tangent: EACH(FUNCTION(tan)(v));
    case hr_arc_tangent: EACH(FUNCTION(atan)(v));
    case hr_error_function: EACH(FUNCTION(erf)(v));
    case hr_floor: EACH(FUNCTION(floor)(v));
    case hr_ceiling: EACH(FUNCTION(ceil)(v));
    case hr_nearest: EACH(FUNCTION(rint)(v));
    case hr_sign: EACH(v != v ? v : (T)(v > 0) - (T)(v < 0));
    case hr_power:
      if (p == 2) { EACH(v * v); }
      if (p == 3) { EACH(v * v * v); }
      EACH(FUNCTION(pow)(v, p));
  }
#undef EACH
}

HR_CLONES void NAME(hr_unary_backward)(hr_unary function, T *dx, const T *dy, const T *x,
                                       const T *y, T p, size_t n) {
#define EACH(slope)                                  \
  for (size_t i = 0; i < n; i++) {                   \
    T v = x[i], f = y[i];                            \
    (void)v, (void)f;                                \
    dx[i] = dy[i] * (slope);                         \
  }                                                  \
  break
  switch (function) {
    case hr_negate: EACH(-1);
    case hr_reciprocal: EACH(-f * f);
    case hr_absolute: EACH((T)(v > 0) - (T)(v < 0));
    case hr_square: EACH(2 * v);
    case hr_square_root: EACH((T)0.5 / f);
    case hr_reciprocal_square_root: EACH((T)-0.5 * f * f * f);
    case hr_exponential: EACH(f);
    case hr_logarithm: EACH(1 / v);
    case hr_logarithm_of_one_plus: EACH(1 / (1 + v));
    case hr_exponential_minus_one: EACH(1 + f);
    case hr_sine: EACH(FUNCTION(cos)(v));
    case hr_cosine: EACH(-FUNCTION(sin)(v));
    case hr_tangent: EACH(1 + f * f);
    case hr_arc_tangent: EACH(1 / (1 + v * v));
    case hr_error_function: EACH((T)M_2_SQRTPI * NAME(exp)(-v * v));
    case hr_floor:
    case hr_ceiling:
    case hr_nearest:
    case hr_sign: EACH(0);
    case hr_power:
      if (p == 3) { EACH(p * (v * v)); }
      if (p == 4) { EACH(p * (v * v * v)); }
      EACH(p * FUNCTION(pow)(v, p - 1));
  }
#undef EACH
}

HR_CLONES void NAME(hr_binary)(hr_binary function, T *out, const T *a, ptrdiff_t a_row,
                               size_t a_step, const T *b, ptrdiff_t b_row, size_t b_step,
                               size_t rows, size_t n) {
#define EACH(value)      \
  HR_EACH_PAIR(T, value) \
  break
  switch (function) {
    case hr_plus: EACH(u + v);
    case hr_minus: EACH(u - v);
    case hr_times: EACH(u * v);
    case hr_divided: EACH(u / v);
    case hr_larger: EACH(u >= v || u != u ? u : v);
    case hr_smaller: EACH(u <= v || u != u ? u : v);
    case hr_raised: EACH(FUNCTION(pow)(u, v));
  }
#undef EACH
}

HR_CLONES void NAME(hr_chosen)(hr_binary function, T *out, const T *dy, const T *a, const T *b,
                               size_t n) {
  if (function == hr_larger)
    for (size_t i = 0; i < n; i++) out[i] = a[i] >= b[i] || a[i] != a[i] ? dy[i] : 0;
  else
    for (size_t i = 0; i < n; i++) out[i] = a[i] <= b[i] || a[i] != a[i] ? dy[i] : 0;
}

HR_CLONES void NAME(hr_unit_rows)(T *y, const T *x, T least, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
    T length = __builtin_elementwise_sqrt(NAME(dot)(x, x, columns));
    // A length beyond all numbers must not pass for a row of zeros.
    const T share = length == (T)INFINITY ? (T)NAN : 1 / (length < least ? least : length);
    for (size_t c = 0; c < columns; c++) y[c] = share * x[c];
  }
}

HR_CLONES void NAME(hr_unit_rows_backward)(T *restrict dx, const T *restrict dy,
                                           const T *restrict x, T least, size_t rows,
                                           size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns, dy += columns) {
    T length = __builtin_elementwise_sqrt(NAME(dot)(x, x, columns)), along = 0;
    if (length < least)
      length = least;
    else
      along = NAME(dot)(x, dy, columns) / (length * length);
    const T share = 1 / length;
    for (size_t c = 0; c < columns; c++) dx[c] = share * (dy[c] - along * x[c]);
  }
}

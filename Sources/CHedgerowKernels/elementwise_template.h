// The loops of elementwise.h for one element type: T, its suffix in NAME, its functions of libm in
// FUNCTION.
#include "dot_template.h"

static const T NAME(selu_scale) = (T)1.0507009873554804934193349852946;
static const T NAME(selu_alpha) = (T)1.6732632423543772848170429916717;
static const T NAME(gelu_root) = (T)0.79788456080286535587989211986876;  // sqrt(2 / pi)
static const T NAME(gelu_cube) = (T)0.044715;

static inline T NAME(sigmoid)(T x) { return 1 / (1 + FUNCTION(exp)(-x)); }

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
    case hr_exponential: EACH(FUNCTION(exp)(v));
    case hr_logarithm: EACH(FUNCTION(log)(v));
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
    case hr_power: EACH(FUNCTION(pow)(v, p));
    case hr_sigmoid: EACH(NAME(sigmoid)(v));
    case hr_hyperbolic_tangent: EACH(FUNCTION(tanh)(v));
    case hr_leaky_relu: EACH(v > 0 ? v : p * v);
    case hr_elu: EACH(v > 0 ? v : p * FUNCTION(expm1)(v));
    case hr_selu:
      EACH(NAME(selu_scale) * (v > 0 ? v : NAME(selu_alpha) * FUNCTION(expm1)(v)));
    case hr_gelu: EACH(v * (T)0.5 * (1 + FUNCTION(erf)(v * (T)M_SQRT1_2)));
    case hr_gelu_tanh:
      EACH(v * (T)0.5 *
           (1 + FUNCTION(tanh)(NAME(gelu_root) * (v + NAME(gelu_cube) * v * v * v))));
    case hr_silu: EACH(v * NAME(sigmoid)(v));
    case hr_softplus: EACH((v > 0 ? v : 0) + FUNCTION(log1p)(FUNCTION(exp)(v > 0 ? -v : v)));
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
    case hr_error_function: EACH((T)M_2_SQRTPI * FUNCTION(exp)(-v * v));
    case hr_floor:
    case hr_ceiling:
    case hr_nearest:
    case hr_sign: EACH(0);
    case hr_power: EACH(p * FUNCTION(pow)(v, p - 1));
    case hr_sigmoid: EACH(f * (1 - f));
    case hr_hyperbolic_tangent: EACH(1 - f * f);
    case hr_leaky_relu: EACH(v > 0 ? 1 : p);
    case hr_elu: EACH(v > 0 ? 1 : f + p);
    case hr_selu: EACH(v > 0 ? NAME(selu_scale) : f + NAME(selu_scale) * NAME(selu_alpha));
    case hr_gelu:
      EACH((T)0.5 * (1 + FUNCTION(erf)(v * (T)M_SQRT1_2)) +
           v * FUNCTION(exp)(-v * v / 2) * (T)(M_2_SQRTPI * M_SQRT1_2 / 2));
    case hr_gelu_tanh:
      for (size_t i = 0; i < n; i++) {
        T v = x[i], t = FUNCTION(tanh)(NAME(gelu_root) * (v + NAME(gelu_cube) * v * v * v));
        dx[i] = dy[i] * (T)0.5 *
                (1 + t + v * (1 - t * t) * NAME(gelu_root) * (1 + 3 * NAME(gelu_cube) * v * v));
      }
      break;
    case hr_silu: EACH(NAME(sigmoid)(v) + f * (1 - NAME(sigmoid)(v)));
    case hr_softplus: EACH(NAME(sigmoid)(v));
  }
#undef EACH
}

HR_CLONES void NAME(hr_binary)(hr_binary function, T *out, const T *a, ptrdiff_t a_row,
                               size_t a_step, const T *b, ptrdiff_t b_row, size_t b_step,
                               size_t rows, size_t n) {
  // The steps are constants in each loop, so that it vectorizes.
#define LOOP(value, A, B)                                                         \
  for (size_t r = 0; r < rows; r++, out += n, a += a_row, b += b_row)             \
    for (size_t i = 0; i < n; i++) {                                              \
      T u = a[A], v = b[B];                                                       \
      out[i] = (value);                                                           \
    }
#define EACH(value)                                  \
  if (a_step && b_step) {                            \
    LOOP(value, i, i)                                \
  } else if (a_step) {                               \
    LOOP(value, i, 0)                                \
  } else if (b_step) {                               \
    LOOP(value, 0, i)                                \
  } else {                                           \
    LOOP(value, 0, 0)                                \
  }                                                  \
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
#undef LOOP
}

HR_CLONES void NAME(hr_chosen)(hr_binary function, T *out, const T *dy, const T *a, const T *b,
                               size_t n) {
  if (function == hr_larger)
    for (size_t i = 0; i < n; i++) out[i] = a[i] >= b[i] || a[i] != a[i] ? dy[i] : 0;
  else
    for (size_t i = 0; i < n; i++) out[i] = a[i] <= b[i] || a[i] != a[i] ? dy[i] : 0;
}

HR_CLONES void NAME(hr_log_softmax)(T *restrict y, const T *restrict x, size_t rows,
                                    size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
    T max = x[0], sum = 0;
    for (size_t c = 1; c < columns; c++) max = x[c] > max ? x[c] : max;
    for (size_t c = 0; c < columns; c++) sum += FUNCTION(exp)(x[c] - max);
    const T shift = max + FUNCTION(log)(sum);
    for (size_t c = 0; c < columns; c++) y[c] = x[c] - shift;
  }
}

HR_CLONES void NAME(hr_softmax_backward)(T *restrict dx, const T *restrict dy,
                                         const T *restrict y, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, dx += columns, dy += columns, y += columns) {
    T sum = 0;
    for (size_t c = 0; c < columns; c++) sum += y[c] * dy[c];
    for (size_t c = 0; c < columns; c++) dx[c] = y[c] * (dy[c] - sum);
  }
}

HR_CLONES void NAME(hr_log_softmax_backward)(T *restrict dx, const T *restrict dy,
                                             const T *restrict y, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, dx += columns, dy += columns, y += columns) {
    T sum = 0;
    for (size_t c = 0; c < columns; c++) sum += dy[c];
    for (size_t c = 0; c < columns; c++) dx[c] = dy[c] - FUNCTION(exp)(y[c]) * sum;
  }
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

HR_CLONES void NAME(hr_binary_cross_entropy)(T *losses, const T *x, const T *targets, size_t n) {
  for (size_t i = 0; i < n; i++) {
    T v = x[i];
    losses[i] =
        (v < 0 ? 0 : v) - v * targets[i] + FUNCTION(log1p)(FUNCTION(exp)(v > 0 ? -v : v));
  }
}

HR_CLONES void NAME(hr_binary_cross_entropy_backward)(T *dx, const T *x, const T *targets,
                                                      T factor, size_t n) {
  for (size_t i = 0; i < n; i++) dx[i] = factor * (NAME(sigmoid)(x[i]) - targets[i]);
}

HR_CLONES void NAME(hr_sgd)(T *restrict w, T *restrict m, const T *restrict g, size_t n, T rate,
                            T momentum, T dampening, T decay, int nesterov, int first) {
  for (size_t i = 0; i < n; i++) {
    T gradient = g[i] + decay * w[i], step = gradient;
    if (m) {
      m[i] = first ? gradient : momentum * m[i] + (1 - dampening) * gradient;
      step = nesterov ? gradient + momentum * m[i] : m[i];
    }
    w[i] -= rate * step;
  }
}

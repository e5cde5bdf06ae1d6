// The loops of activation.h for one element type: T, its suffix in NAME.
#include "dropout_template.h"

static const T NAME(selu_scale) = (T)1.0507009873554804934193349852946;
static const T NAME(selu_alpha) = (T)1.6732632423543772848170429916717;
static const T NAME(gelu_root) = (T)0.79788456080286535587989211986876;  // sqrt(2 / pi)
static const T NAME(gelu_cube) = (T)0.044715;

// log(1 + exp(x))
HR_INLINE T NAME(softplus)(T x) {
  return (x > 0 ? x : 0) + NAME(log1p)(NAME(exp)(x > 0 ? -x : x));
}

// (1 + tanh(u)) / 2 = sigmoid(2 u), u the argument of tanh in gelu's approximation.
HR_INLINE T NAME(gelu_gate)(T x) {
  return NAME(sigmoid)(2 * NAME(gelu_root) * (x + NAME(gelu_cube) * x * x * x));
}

// w with tanh(log(1 + exp(x))) = w / (w + 2); past 20 the quotient is 1.
HR_INLINE T NAME(mish_odds)(T x) {
  const T power = NAME(exp)(x > 20 ? 20 : x);
  return power * (power + 2);
}

HR_INLINE void NAME(activate)(hr_activation f, T *y, const T *x, T p, T q, size_t n) {
#define EACH(value)                                  \
  for (size_t i = 0; i < n; i++) {                   \
    T v = x[i];                                      \
    y[i] = (value);                                  \
  }                                                  \
  break
  switch (f) {
    case hr_identity:
      if (y != x) memcpy(y, x, n * sizeof(T));
      break;
    case hr_relu:
      HR_IN_PLACE
      for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
      break;
    case hr_leaky_relu: EACH(v > 0 ? v : p * v);
    case hr_elu: EACH(v > 0 ? v : p * NAME(expm1)(v > 0 ? 0 : q * v));
    case hr_selu:
      EACH(NAME(selu_scale) * (v > 0 ? v : NAME(selu_alpha) * NAME(expm1)(v > 0 ? 0 : v)));
    case hr_gelu: EACH(v * (T)0.5 * (1 + NAME(erf)(v * (T)M_SQRT1_2)));
    case hr_gelu_tanh: EACH(v * NAME(gelu_gate)(v));
    case hr_silu: EACH(v * NAME(sigmoid)(v));
    case hr_mish: EACH(v * (NAME(mish_odds)(v) / (NAME(mish_odds)(v) + 2)));
    case hr_softplus: EACH(p * v > q ? v : NAME(softplus)(p * v) / p);
    case hr_sigmoid: EACH(NAME(sigmoid)(v));
    case hr_tanh: EACH(NAME(tanh)(v));
    case hr_hardtanh: EACH(v < p ? p : v > q ? q : v);
    case hr_hardswish: EACH(v * (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6);
    case hr_hardsigmoid: EACH((v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6);
    case hr_softsign: EACH(v / (1 + (v < 0 ? -v : v)));
    case hr_tanhshrink: EACH(v - NAME(tanh)(v));
    case hr_softshrink: EACH(v > p ? v - p : v < -p ? v + p : v * 0);
    case hr_hardshrink: EACH(v > p || v < -p || v != v ? v : 0);
    case hr_threshold: EACH(v <= p ? q : v);
    case hr_log_sigmoid: EACH(-NAME(softplus)(-v));
  }
#undef EACH
}

HR_INLINE void NAME(activate_backward)(hr_activation f, T *dx, const T *dy, const T *x, const T *y,
                                       T p, T q, size_t n) {
#define EACH(slope)                                  \
  for (size_t i = 0; i < n; i++) {                   \
    T v = x[i], w = y[i];                            \
    (void)v, (void)w;                                \
    dx[i] = dy[i] * (slope);                         \
  }                                                  \
  break
  switch (f) {
    case hr_identity:
      if (dx != dy) memcpy(dx, dy, n * sizeof(T));
      break;
    case hr_relu: EACH(v > 0 ? 1 : 0);
    case hr_leaky_relu: EACH(v > 0 ? 1 : p);
    case hr_elu: EACH(v > 0 ? 1 : q * (w + p));
    case hr_selu: EACH(v > 0 ? NAME(selu_scale) : w + NAME(selu_scale) * NAME(selu_alpha));
    case hr_gelu:
      EACH((T)0.5 * (1 + NAME(erf)(v * (T)M_SQRT1_2)) +
           v * NAME(exp)(-v * v / 2) * (T)(M_2_SQRTPI * M_SQRT1_2 / 2));
    case hr_gelu_tanh:
      for (size_t i = 0; i < n; i++) {
        T v = x[i], gate = NAME(gelu_gate)(v);
        T inner = 2 * NAME(gelu_root) * (1 + 3 * NAME(gelu_cube) * v * v);
        dx[i] = dy[i] * gate * (1 + v * (1 - gate) * inner);
      }
      break;
    case hr_silu: EACH(NAME(sigmoid)(v) + w * (1 - NAME(sigmoid)(v)));
    case hr_mish:
      for (size_t i = 0; i < n; i++) {
        T v = x[i], odds = NAME(mish_odds)(v), t = odds / (odds + 2);
        dx[i] = dy[i] * (t + v * NAME(sigmoid)(v) * (1 + t) * 2 / (odds + 2));
      }
      break;
    case hr_softplus: EACH(p * v > q ? 1 : NAME(sigmoid)(p * v));
    case hr_sigmoid: EACH(w * (1 - w));
    case hr_tanh: EACH(1 - w * w);
    case hr_hardtanh: EACH(v > p && v < q ? 1 : 0);
    case hr_hardswish: EACH(v < -3 ? 0 : v > 3 ? 1 : v / 3 + (T)0.5);
    case hr_hardsigmoid: EACH(v > -3 && v < 3 ? (T)1 / 6 : 0);
    case hr_softsign:
      for (size_t i = 0; i < n; i++) {
        T u = 1 + (x[i] < 0 ? -x[i] : x[i]);
        dx[i] = dy[i] / (u * u);
      }
      break;
    case hr_tanhshrink: EACH((v - w) * (v - w));
    case hr_softshrink: EACH(v > p || v < -p ? 1 : 0);
    case hr_hardshrink: EACH(v > p || v < -p ? 1 : 0);
    case hr_threshold: EACH(v > p ? 1 : 0);
    case hr_log_sigmoid: EACH(NAME(sigmoid)(-v));
  }
#undef EACH
}

HR_CLONES void NAME(hr_activate)(hr_activation f, T *y, const T *x, T p, T q, size_t n) {
  NAME(activate)(f, y, x, p, q, n);
}

HR_CLONES void NAME(hr_activate_backward)(hr_activation f, T *dx, const T *dy, const T *x,
                                          const T *y, T p, T q, size_t n) {
  NAME(activate_backward)(f, dx, dy, x, y, p, q, n);
}

HR_CLONES void NAME(hr_relu_backward)(T *dx, const T *dy, const T *y, T factor, size_t n) {
  HR_IN_PLACE
  for (size_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? factor * dy[i] : 0;
}

HR_CLONES void NAME(hr_dropout)(T *out, const T *a, T factor, uint32_t threshold, uint64_t key,
                                uint64_t first, size_t n) {
  NAME(dropout)(out, a, factor, threshold, key, first, n);
}

// Elements that stay in the first cache from the bias to the dropout; even, so that a dropout may
// begin anywhere.
#define TILE 1024

HR_CLONES void NAME(hr_bias_activate)(hr_activation f, T *y, T *z, const T *bias, T p, T q,
                                      hr_mask mask, uint64_t first, size_t rows, size_t columns) {
  const size_t n = rows * columns;
  for (size_t i = 0, column = 0; i < n; i += TILE) {
    const size_t count = n - i < TILE ? n - i : TILE;
    if (bias) {
      for (size_t k = 0; k < count;) {
        const size_t left = count - k, row = columns - column, run = row < left ? row : left;
        for (size_t c = 0; c < run; c++) z[i + k + c] += bias[column + c];
        k += run;
        column = run == row ? 0 : column + run;
      }
    }
    NAME(activate)(f, y + i, z + i, p, q, count);
    if (mask.threshold)
      NAME(dropout)(y + i, y + i, (T)mask.factor, mask.threshold, mask.key, first + i, count);
  }
}

HR_CLONES void NAME(hr_bias_activate_backward)(hr_activation f, T *dz, const T *dy, const T *z,
                                               const T *y, T p, T q, hr_mask mask, uint64_t first,
                                               size_t n) {
  const T share = mask.threshold ? 1 / (T)mask.factor : 1;
  for (size_t i = 0; i < n; i += TILE) {
    const size_t count = n - i < TILE ? n - i : TILE;
    T kept[TILE], value[TILE];
    if (mask.threshold)
      NAME(dropout)(kept, dy + i, (T)mask.factor, mask.threshold, mask.key, first + i, count);
    else
      memcpy(kept, dy + i, count * sizeof(T));
    for (size_t k = 0; k < count; k++) value[k] = share * y[i + k];
    NAME(activate_backward)(f, dz + i, kept, z + i, value, p, q, count);
  }
}
#undef TILE

// The loops of loss.h for one element type: T, its suffix in NAME.

HR_INLINE T NAME(sign)(T x) { return (T)(x > 0) - (T)(x < 0); }
HR_INLINE T NAME(magnitude)(T x) { return x < 0 ? -x : x; }
HR_INLINE T NAME(bounded_log)(T x) {
  const T y = NAME(log)(x);
  return y < -100 ? -100 : y;
}
// log(1 + exp(x))
HR_INLINE T NAME(softplus)(T x) {
  return (x > 0 ? x : 0) + NAME(log1p)(NAME(exp)(x > 0 ? -x : x));
}

HR_INLINE T NAME(smooth_l1)(T d, T p) { return d < p ? d * d / (2 * p) : d - p / 2; }
HR_INLINE T NAME(huber)(T d, T p) { return d <= p ? d * d / 2 : p * (d - p / 2); }
HR_INLINE T NAME(positive)(T x) { return x > 0 ? x : 0; }

HR_CLONES void NAME(hr_loss)(hr_loss f, T *losses, const T *x, const T *t, T p, size_t n) {
#define EACH(value)                                  \
  for (size_t i = 0; i < n; i++) {                   \
    const T u = x[i], v = t[i];                      \
    losses[i] = (value);                             \
  }                                                  \
  break
  switch (f) {
    case hr_absolute_error: EACH(NAME(magnitude)(u - v));
    case hr_squared_error: EACH((u - v) * (u - v));
    case hr_smooth_l1: EACH(NAME(smooth_l1)(NAME(magnitude)(u - v), p));
    case hr_huber: EACH(NAME(huber)(NAME(magnitude)(u - v), p));
    case hr_binary_cross_entropy:
      EACH(-v * NAME(bounded_log)(u) - (1 - v) * NAME(bounded_log)(1 - u));
    case hr_binary_cross_entropy_logits:
      EACH(NAME(positive)(u) - u * v + NAME(softplus)(-NAME(magnitude)(u)));
    case hr_kl_divergence: EACH((v > 0 ? v * NAME(log)(v > 0 ? v : 1) : 0) - v * u);
    case hr_kl_divergence_logs: EACH(NAME(exp)(v) * (v - u));
    case hr_poisson: EACH(u - v * NAME(log)(u + p));
    case hr_poisson_logs: EACH(NAME(exp)(u) - v * u);
    case hr_soft_margin: EACH(NAME(softplus)(-v * u));
    case hr_hinge_embedding:
      EACH((v != -1 ? u : 0) + (v != 1 ? NAME(positive)(p - u) : 0));
  }
#undef EACH
}

HR_CLONES void NAME(hr_loss_backward)(hr_loss f, T *dx, T *dt, const T *dlosses, size_t step,
                                      const T *x, const T *t, T p, size_t n) {
#define LOOP(out, slope)                                    \
  if (out)                                                  \
    for (size_t i = 0; i < n; i++) {                        \
      const T u = x[i], v = t[i];                           \
      (void)u, (void)v;                                     \
      out[i] = dlosses[i * step] * (slope);                 \
    }
#define EACH(in_x, in_t) \
  LOOP(dx, in_x)         \
  LOOP(dt, in_t)         \
  break
  switch (f) {
    case hr_absolute_error: EACH(NAME(sign)(u - v), NAME(sign)(v - u));
    case hr_squared_error: EACH(2 * (u - v), 2 * (v - u));
    case hr_smooth_l1:
      EACH(NAME(magnitude)(u - v) < p ? (u - v) / p : NAME(sign)(u - v),
           NAME(magnitude)(u - v) < p ? (v - u) / p : NAME(sign)(v - u));
    case hr_huber:
      EACH(NAME(magnitude)(u - v) <= p ? u - v : p * NAME(sign)(u - v),
           NAME(magnitude)(u - v) <= p ? v - u : p * NAME(sign)(v - u));
    case hr_binary_cross_entropy:
      EACH((u - v) / ((1 - u) * u < (T)1e-12 ? (T)1e-12 : (1 - u) * u),
           NAME(bounded_log)(1 - u) - NAME(bounded_log)(u));
    case hr_binary_cross_entropy_logits: EACH(NAME(sigmoid)(u) - v, -u);
    case hr_kl_divergence: EACH(-v, v > 0 ? NAME(log)(v > 0 ? v : 1) + 1 - u : 0);
    case hr_kl_divergence_logs: EACH(-NAME(exp)(v), NAME(exp)(v) * (v - u + 1));
    case hr_poisson: EACH(1 - v / (u + p), -NAME(log)(u + p));
    case hr_poisson_logs: EACH(NAME(exp)(u) - v, -u);
    case hr_soft_margin: EACH(-v * NAME(sigmoid)(-v * u), -u * NAME(sigmoid)(-v * u));
    case hr_hinge_embedding:
      EACH((T)(v != -1) - (T)(v != 1 && p - u >= 0), 0);
  }
#undef EACH
#undef LOOP
}

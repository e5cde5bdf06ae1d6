// Losses of pairs of numbers - a prediction x and a target t - with their slopes in both, for float
// (`_f32`) and double (`_f64`). Serial: callers cut the work.
#pragma once
#include <stddef.h>

typedef enum {
  hr_absolute_error,  // |x - t|
  hr_squared_error,   // (x - t)^2
  hr_smooth_l1,       // d^2 / 2p where d = |x - t| < p, else d - p / 2
  hr_huber,           // d^2 / 2 where d = |x - t| <= p, else p (d - p / 2)
  hr_binary_cross_entropy,         // -t log(x) - (1 - t) log(1 - x), logarithms at least -100
  hr_binary_cross_entropy_logits,  // the same of sigmoid(x)
  hr_kl_divergence,                // t (log(t) - x)
  hr_kl_divergence_logs,           // e^t (t - x)
  hr_poisson,                      // x - t log(x + p)
  hr_poisson_logs,                 // e^x - t x
  hr_soft_margin,                  // log(1 + exp(-t x))
  hr_hinge_embedding,              // x where t is 1, max(0, p - x) where it is -1
} hr_loss;

#define HR_DECLARE_LOSS(T, S)                                                                  \
  /* losses[i] = f(x[i], t[i]) */                                                              \
  void hr_loss_##S(hr_loss f, T *losses, const T *x, const T *t, T p, size_t n);               \
  /* dx[i] = dlosses[i step] df/dx, dt[i] = dlosses[i step] df/dt; a step is 0 or 1, dx or dt  \
     may be null. */                                                                           \
  void hr_loss_backward_##S(hr_loss f, T *dx, T *dt, const T *dlosses, size_t step, const T *x, \
                            const T *t, T p, size_t n);

HR_DECLARE_LOSS(float, f32)
HR_DECLARE_LOSS(double, f64)
#undef HR_DECLARE_LOSS

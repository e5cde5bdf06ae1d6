// Activations with their slopes, alone and in one pass with a bias before and dropout after them, for
// float (`_f32`) and double (`_f64`). Serial: callers cut the work.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Functions of x with parameters p and q, under PyTorch's names.
typedef enum {
  hr_identity,
  hr_relu,        // NaN stays NaN
  hr_leaky_relu,  // x > 0 ? x : p x
  hr_elu,         // x > 0 ? x : p (exp(q x) - 1), q > 0
  hr_selu,
  hr_gelu,       // x Phi(x)
  hr_gelu_tanh,  // its approximation by tanh
  hr_silu,       // x sigmoid(x)
  hr_mish,       // x tanh(log(1 + exp(x)))
  hr_softplus,   // p x > q ? x : log(1 + exp(p x)) / p
  hr_sigmoid,
  hr_tanh,
  hr_hardtanh,      // x in p...q
  hr_hardswish,     // x min(max(x + 3, 0), 6) / 6
  hr_hardsigmoid,   // min(max(x + 3, 0), 6) / 6
  hr_softsign,      // x / (1 + |x|)
  hr_tanhshrink,    // x - tanh(x)
  hr_softshrink,    // x moved by p towards 0, and 0 where |x| <= p
  hr_hardshrink,    // |x| > p ? x : 0
  hr_threshold,     // x > p ? x : q
  hr_log_sigmoid,   // -log(1 + exp(-x))
} hr_activation;

// A dropout after an activation: `factor` is 1 / (1 - rate); element j of the whole is kept when its
// 32 bits of the stream are at least `threshold`, as in hr_dropout. A threshold of 0 drops nothing.
typedef struct {
  double factor;
  uint32_t threshold;
  uint64_t key;
} hr_mask;

#define HR_DECLARE_ACTIVATION(T, S)                                                              \
  /* y[i] = f(x[i]); y may be x. */                                                              \
  void hr_activate_##S(hr_activation f, T *y, const T *x, T p, T q, size_t n);                   \
  /* dx[i] = dy[i] f'(x[i]), given y[i] = f(x[i]); dx may be dy. */                              \
  void hr_activate_backward_##S(hr_activation f, T *dx, const T *dy, const T *x, const T *y,     \
                                T p, T q, size_t n);                                             \
  /* dx[i] = y[i] > 0 ? factor * dy[i] : 0, where y is what relu (and dropout) gave */           \
  void hr_relu_backward_##S(T *dx, const T *dy, const T *y, T factor, size_t n);                 \
  /* z[r, c] += bias[c], unless `bias` is null; y = dropout(f(z)). y may be z, which is then lost. \
     The first element is number `first` of the whole, which is even. */                         \
  void hr_bias_activate_##S(hr_activation f, T *y, T *z, const T *bias, T p, T q, hr_mask mask,  \
                            uint64_t first, size_t rows, size_t columns);                        \
  /* dz = dropout(dy) f'(z), given y = dropout(f(z)). */                                         \
  void hr_bias_activate_backward_##S(hr_activation f, T *dz, const T *dy, const T *z, const T *y, \
                                     T p, T q, hr_mask mask, uint64_t first, size_t n);          \
  /* out[i] = kept(first + i) ? factor * a[i] : 0. Element j is kept when its 32 bits of the     \
     stream - half j % 2, low first, of number j / 2 - are at least `threshold`. `first` is even. \
  */                                                                                             \
  void hr_dropout_##S(T *out, const T *a, T factor, uint32_t threshold, uint64_t key,            \
                      uint64_t first, size_t n);

HR_DECLARE_ACTIVATION(float, f32)
HR_DECLARE_ACTIVATION(double, f64)
#undef HR_DECLARE_ACTIVATION

// Inner loops of element-wise functions, for float (`_f32`) and double (`_f64`); one function's
// forward and backward loops stand side by side in elementwise_template.h. Serial: callers cut the
// work.
#pragma once
#include <stddef.h>

typedef enum {
  hr_negate,
  hr_reciprocal,
  hr_absolute,
  hr_square,
  hr_square_root,
  hr_reciprocal_square_root,
  hr_exponential,
  hr_logarithm,
  hr_logarithm_of_one_plus,   // log(1 + x)
  hr_exponential_minus_one,   // e^x - 1
  hr_sine,
  hr_cosine,
  hr_tangent,
  hr_arc_tangent,
  hr_error_function,
  hr_floor,
  hr_ceiling,
  hr_nearest,  // of two equally near integers the even one
  hr_sign,     // NaN of NaN
  hr_power,    // x^parameter
  hr_sigmoid,
  hr_hyperbolic_tangent,
  hr_leaky_relu,  // x > 0 ? x : parameter x
  hr_elu,         // x > 0 ? x : parameter (exp(x) - 1)
  hr_selu,
  hr_gelu,       // x Phi(x)
  hr_gelu_tanh,  // its approximation by tanh
  hr_silu,       // x sigmoid(x)
  hr_softplus,   // log(1 + exp(x))
} hr_unary;

typedef enum {
  hr_plus,
  hr_minus,
  hr_times,
  hr_divided,
  hr_larger,   // a >= b ? a : b, NaN if either is
  hr_smaller,  // a <= b ? a : b, NaN if either is
  hr_raised,   // a^b
} hr_binary;

#define HR_DECLARE_ELEMENTWISE(T, S)                                                              \
  /* y[i] = f(x[i]) */                                                                            \
  void hr_unary_##S(hr_unary function, T *y, const T *x, T parameter, size_t n);                  \
  /* dx[i] = dy[i] f'(x[i]), given y[i] = f(x[i]) */                                              \
  void hr_unary_backward_##S(hr_unary function, T *dx, const T *dy, const T *x, const T *y,       \
                             T parameter, size_t n);                                              \
  /* out[r, i] = f(a[r a_row + i a_step], b[r b_row + i b_step]); a step is 0 or 1 */            \
  void hr_binary_##S(hr_binary function, T *out, const T *a, ptrdiff_t a_row, size_t a_step,      \
                     const T *b, ptrdiff_t b_row, size_t b_step, size_t rows, size_t n);          \
  /* out[i] = dy[i] where a took part in the larger (smaller) of a and b, else 0 */               \
  void hr_chosen_##S(hr_binary function, T *out, const T *dy, const T *a, const T *b, size_t n);  \
  /* Rows of x - max - log(sum of exp(x - max)). */                                               \
  void hr_log_softmax_##S(T *y, const T *x, size_t rows, size_t columns);                         \
  /* Rows of dx = y (dy - sum of y dy). */                                                        \
  void hr_softmax_backward_##S(T *dx, const T *dy, const T *y, size_t rows, size_t columns);      \
  /* Rows of dx = dy - exp(y) (sum of dy). */                                                     \
  void hr_log_softmax_backward_##S(T *dx, const T *dy, const T *y, size_t rows, size_t columns);  \
  /* Rows of y = x / max(length of x, least); NaN where the length overflows. */                  \
  void hr_unit_rows_##S(T *y, const T *x, T least, size_t rows, size_t columns);                  \
  /* Rows of dx = (dy - y (sum of y dy)) / length of x, or dy / least where the length is less. */ \
  void hr_unit_rows_backward_##S(T *dx, const T *dy, const T *x, T least, size_t rows,            \
                                 size_t columns);                                                 \
  /* losses[i] = max(x, 0) - x t + log(1 + exp(-|x|)): binary cross-entropy of logits */          \
  void hr_binary_cross_entropy_##S(T *losses, const T *x, const T *targets, size_t n);            \
  /* dx[i] = factor (sigmoid(x[i]) - targets[i]) */                                               \
  void hr_binary_cross_entropy_backward_##S(T *dx, const T *x, const T *targets, T factor,        \
                                            size_t n);                                            \
  /* One step of torch.optim.SGD: g' = g + decay w; m = momentum m + (1 - dampening) g' (m = g'   \
     when first); w -= rate (nesterov ? g' + momentum m : m). `m` is null without momentum. */    \
  void hr_sgd_##S(T *w, T *m, const T *g, size_t n, T rate, T momentum, T dampening, T decay,     \
                  int nesterov, int first);

HR_DECLARE_ELEMENTWISE(float, f32)
HR_DECLARE_ELEMENTWISE(double, f64)
#undef HR_DECLARE_ELEMENTWISE

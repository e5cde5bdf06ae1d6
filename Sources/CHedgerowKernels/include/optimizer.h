// Steps of optimizers over n weights w with gradients g, each in one pass. Equations, and the order of
// operations in which they are rounded, are those of torch.optim; `sign` is -1 to go uphill. Serial:
// callers cut the work.
#pragma once
#include <stddef.h>

// g' = sign g + decay w; m = momentum m + (1 - dampening) g' (m = g' when first);
// w -= rate (nesterov ? g' + momentum m : m). `m` is null without momentum.
typedef struct {
  float sign, rate, momentum, share, decay;  // share = 1 - dampening
  int nesterov, first;
} hr_sgd_step;
void hr_sgd_f32(float *w, float *m, const float *g, size_t n, hr_sgd_step step);

// w *= shrink; g' = sign g + decay w; m += share1 (g' - m); v = beta2 v + share2 g'^2;
// u = max(u, v), or v when `u` is null; w -= rate m / (sqrt(u) / root + epsilon).
typedef struct {
  float sign, rate, root, share1, beta2, share2, epsilon, decay, shrink;
} hr_adam_step;
void hr_adam_f32(float *w, float *m, float *v, float *u, const float *g, size_t n,
                 hr_adam_step step);

// g' = sign g + decay w; s += g'^2; w -= rate g' / (sqrt(s) + epsilon).
typedef struct {
  float sign, rate, epsilon, decay;
} hr_adagrad_step;
void hr_adagrad_f32(float *w, float *s, const float *g, size_t n, hr_adagrad_step step);

// g' = sign g + decay w; v = alpha v + share g'^2; a += share (g' - a);
// d = g' / (sqrt(v - a^2) + epsilon); m = momentum m + d; w -= rate m.
// `a` is null unless centered, `m` without momentum.
typedef struct {
  float sign, rate, alpha, share, epsilon, decay, momentum;
} hr_rmsprop_step;
void hr_rmsprop_f32(float *w, float *v, float *a, float *m, const float *g, size_t n,
                    hr_rmsprop_step step);

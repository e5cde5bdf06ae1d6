#include "optimizer.h"
#include "dispatch.h"

#define SQRT(x) __builtin_elementwise_sqrt(x)

// Where torch adds a product to what it has rounded before, a statement of its own does: the compiler
// may make one operation of what stands in one statement.

// From a towards b, as torch.lerp.
HR_INLINE float between(float a, float b, float share) {
  return share < 0.5f ? a + share * (b - a) : b - (b - a) * (1 - share);
}

HR_CLONES void hr_sgd_f32(float *restrict w, float *restrict m, const float *restrict g, size_t n,
                          hr_sgd_step s) {
  if (!m) {
    for (size_t i = 0; i < n; i++) w[i] -= s.rate * (s.sign * g[i] + s.decay * w[i]);
    return;
  }
  // The first step, as one that remembers nothing.
  const float momentum = s.first ? 0 : s.momentum, share = s.first ? 1 : s.share;
  for (size_t i = 0; i < n; i++) {
    float gradient = s.sign * g[i];
    gradient += s.decay * w[i];
    m[i] *= momentum;
    m[i] += share * gradient;
    w[i] -= s.rate * (s.nesterov ? gradient + s.momentum * m[i] : m[i]);
  }
}

HR_CLONES void hr_adam_f32(float *restrict w, float *restrict m, float *restrict v,
                           float *restrict u, const float *restrict g, size_t n, hr_adam_step s) {
#define LOOP(SQUARE)                                                      \
  for (size_t i = 0; i < n; i++) {                                        \
    float weight = s.shrink * w[i];                                       \
    float gradient = s.sign * g[i];                                       \
    gradient += s.decay * weight;                                         \
    float mean = m[i] = between(m[i], gradient, s.share1);                \
    float square = s.beta2 * v[i];                                        \
    square += s.share2 * gradient * gradient;                             \
    v[i] = square;                                                        \
    w[i] = weight - s.rate * mean / (SQRT(SQUARE) / s.root + s.epsilon);  \
  }
  if (u)
    LOOP(u[i] = u[i] < square ? square : u[i])
  else
    LOOP(square)
#undef LOOP
}

HR_CLONES void hr_adagrad_f32(float *restrict w, float *restrict sums, const float *restrict g,
                              size_t n, hr_adagrad_step s) {
  for (size_t i = 0; i < n; i++) {
    float gradient = s.sign * g[i];
    gradient += s.decay * w[i];
    sums[i] += gradient * gradient;
    w[i] -= s.rate * gradient / (SQRT(sums[i]) + s.epsilon);
  }
}

HR_CLONES void hr_rmsprop_f32(float *restrict w, float *restrict v, float *restrict a,
                              float *restrict m, const float *restrict g, size_t n,
                              hr_rmsprop_step s) {
  // What is null is the same for all elements: the compiler makes a loop of each case.
  for (size_t i = 0; i < n; i++) {
    float gradient = s.sign * g[i];
    gradient += s.decay * w[i];
    float square = s.alpha * v[i];
    square += s.share * gradient * gradient;
    v[i] = square;
    if (a) {
      float mean = a[i] = between(a[i], gradient, s.share);
      square -= mean * mean;
    }
    const float root = SQRT(square) + s.epsilon;
    if (m)
      w[i] -= s.rate * (m[i] = s.momentum * m[i] + gradient / root);
    else
      w[i] -= s.rate * gradient / root;
  }
}

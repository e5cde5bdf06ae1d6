// The loops of dense.h for one element type: T, its suffix in NAME, its exp and log, and UNIT_BITS,
// the bits of a uniform number.

HR_CLONES void NAME(hr_fill)(T *out, T value, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = value;
}

HR_CLONES void NAME(hr_add)(T *out, const T *a, const T *b, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

HR_CLONES void NAME(hr_scale)(T *out, const T *a, T factor, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = factor * a[i];
}

HR_CLONES void NAME(hr_relu)(T *out, const T *a, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] < 0 ? 0 : a[i];
}

HR_CLONES void NAME(hr_relu_backward)(T *dx, const T *dy, const T *y, T factor, size_t n) {
  for (size_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? factor * dy[i] : 0;
}

HR_CLONES void NAME(hr_dropout)(T *out, const T *a, T factor, uint32_t threshold, uint64_t key,
                                uint64_t first, size_t n) {
  uint64_t number = first / 2 + 1;
  size_t i = 0;
  // Numbers for 32 elements at a time: one loop of 64-bit multiplies, one of 32-bit compares. The
  // products are made for dropped elements too, so that nothing branches.
  for (; i + 32 <= n; i += 32, number += 16) {
    uint64_t bits[16];
    for (size_t k = 0; k < 16; k++) bits[k] = mix(key + (number + k) * GAMMA);
    uint32_t halves[32];
    memcpy(halves, bits, sizeof halves);
    T scaled[32];
    for (size_t k = 0; k < 32; k++) scaled[k] = factor * a[i + k];
    for (size_t k = 0; k < 32; k++) out[i + k] = halves[k] >= threshold ? scaled[k] : 0;
  }
  for (; i < n; i++) {
    uint64_t bits = mix(key + (number + i % 32 / 2) * GAMMA);
    T scaled = factor * a[i];
    out[i] = (uint32_t)(bits >> (i % 2 * 32)) >= threshold ? scaled : 0;
  }
}

HR_CLONES void NAME(hr_add_bias)(T *restrict y, const T *restrict bias, size_t rows,
                                 size_t columns) {
  for (size_t r = 0; r < rows; r++, y += columns)
    for (size_t c = 0; c < columns; c++) y[c] += bias[c];
}

HR_CLONES void NAME(hr_add_bias_relu)(T *restrict y, const T *restrict bias, size_t rows,
                                      size_t columns) {
  for (size_t r = 0; r < rows; r++, y += columns)
    for (size_t c = 0; c < columns; c++) {
      T sum = y[c] + bias[c];
      y[c] = sum < 0 ? 0 : sum;
    }
}

HR_CLONES void NAME(hr_column_sums)(T *restrict out, const T *restrict a, size_t rows,
                                    size_t columns) {
  for (size_t r = 0; r < rows; r++, a += columns)
    for (size_t c = 0; c < columns; c++) out[c] += a[c];
}

HR_CLONES T NAME(hr_sum)(const T *a, size_t n) {
  T lanes[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t k = 0; k < 16; k++) lanes[k] += a[i + k];
  for (size_t k = 0; i < n; i++, k++) lanes[k] += a[i];
  T sum = 0;
  for (size_t k = 0; k < 16; k++) sum += lanes[k];
  return sum;
}

HR_CLONES void NAME(hr_uniform)(T *out, T low, T extent, uint64_t key, uint64_t first, size_t n) {
  const T unit = (T)1 / (T)(1ull << UNIT_BITS);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = mix(key + (first + i + 1) * GAMMA) >> (64 - UNIT_BITS);
    out[i] = low + extent * ((T)(int64_t)bits * unit);
  }
}

static inline T NAME(row_max)(const T *x, size_t columns) {
  T max = x[0];
  for (size_t c = 1; c < columns; c++) max = x[c] > max ? x[c] : max;
  return max;
}

HR_CLONES void NAME(hr_softmax)(T *restrict out, const T *restrict x, size_t rows,
                                size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, out += columns) {
    T max = NAME(row_max)(x, columns), sum = 0;
    for (size_t c = 0; c < columns; c++) sum += out[c] = EXP(x[c] - max);
    for (size_t c = 0; c < columns; c++) out[c] /= sum;
  }
}

HR_CLONES void NAME(hr_cross_entropy)(T *restrict losses, const T *restrict x,
                                      const int32_t *restrict labels, size_t rows,
                                      size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    losses[r] = 0;
    if (labels[r] < 0) continue;
    T max = NAME(row_max)(x, columns), sum = 0;
    for (size_t c = 0; c < columns; c++) sum += EXP(x[c] - max);
    losses[r] = LOG(sum) - (x[labels[r]] - max);
  }
}

HR_CLONES void NAME(hr_cross_entropy_backward)(T *restrict dx, const T *restrict x,
                                               const int32_t *restrict labels, T factor,
                                               size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns) {
    if (labels[r] < 0) {
      memset(dx, 0, columns * sizeof(T));
      continue;
    }
    T max = NAME(row_max)(x, columns), sum = 0;
    for (size_t c = 0; c < columns; c++) sum += dx[c] = EXP(x[c] - max);
    T scale = factor / sum;
    for (size_t c = 0; c < columns; c++) dx[c] *= scale;
    dx[labels[r]] -= factor;
  }
}

HR_CLONES void NAME(hr_arg_max)(int32_t *restrict out, const T *restrict x, size_t rows,
                                size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    size_t best = 0;
    for (size_t c = 1; c < columns; c++)
      if (x[c] > x[best]) best = c;
    out[r] = (int32_t)best;
  }
}

HR_CLONES void NAME(hr_adam)(T *restrict w, T *restrict m, T *restrict v, T *restrict u,
                             const T *restrict g, size_t n, T rate, T root, T beta1, T beta2,
                             T epsilon, T decay, T shrink) {
  for (size_t i = 0; i < n; i++) {
    T weight = shrink * w[i];
    T gradient = g[i] + decay * weight;
    m[i] = beta1 * m[i] + (1 - beta1) * gradient;
    v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    T square = v[i];
    if (u) square = u[i] = u[i] < square ? square : u[i];
    w[i] = weight - rate * m[i] / (__builtin_elementwise_sqrt(square) * root + epsilon);
  }
}

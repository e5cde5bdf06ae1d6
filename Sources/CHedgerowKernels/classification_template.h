// The loops of classification.h for one element type: T, its suffix in NAME. Sums and largest numbers
// are taken in 16 interleaved lanes, so that they vectorize.

HR_INLINE T NAME(row_max)(const T *x, size_t n) {
  T max = x[0];
  size_t i = 0;
  if (n >= 16) {
    T lanes[16];
    for (size_t k = 0; k < 16; k++) lanes[k] = x[k];
    for (i = 16; i + 16 <= n; i += 16)
      for (size_t k = 0; k < 16; k++) lanes[k] = x[i + k] > lanes[k] ? x[i + k] : lanes[k];
    for (size_t k = 0; k < 16; k++) max = lanes[k] > max ? lanes[k] : max;
  }
  for (; i < n; i++) max = x[i] > max ? x[i] : max;
  return max;
}

HR_INLINE T NAME(row_sum)(const T *x, size_t n) {
  T lanes[16] = {0}, sum = 0;
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t k = 0; k < 16; k++) lanes[k] += x[i + k];
  for (size_t k = 0; i < n; i++, k++) lanes[k] += x[i];
  for (size_t k = 0; k < 16; k++) sum += lanes[k];
  return sum;
}

// log(sum of exp(x)), the exponentials in stretches that stay in the first cache.
HR_INLINE T NAME(log_sum_exp)(const T *x, size_t n) {
  const T max = NAME(row_max)(x, n);
  // Of nothing but -infinity, or with infinity among them.
  if (max - max != 0) return max;
  T sum = 0, powers[256];
  for (size_t i = 0; i < n; i += 256) {
    const size_t count = n - i < 256 ? n - i : 256;
    for (size_t k = 0; k < count; k++) powers[k] = NAME(exp)(x[i + k] - max);
    sum += NAME(row_sum)(powers, count);
  }
  return max + NAME(log)(sum);
}

HR_CLONES void NAME(hr_softmax)(T *y, const T *x, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
    const T max = NAME(row_max)(x, columns);
    for (size_t c = 0; c < columns; c++) y[c] = NAME(exp)(x[c] - max);
    const T share = 1 / NAME(row_sum)(y, columns);
    for (size_t c = 0; c < columns; c++) y[c] *= share;
  }
}

HR_CLONES void NAME(hr_softmax_backward)(T *restrict dx, const T *restrict dy,
                                         const T *restrict y, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, dx += columns, dy += columns, y += columns) {
    for (size_t c = 0; c < columns; c++) dx[c] = y[c] * dy[c];
    const T sum = NAME(row_sum)(dx, columns);
    for (size_t c = 0; c < columns; c++) dx[c] -= y[c] * sum;
  }
}

HR_CLONES void NAME(hr_log_softmax)(T *y, const T *x, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
    const T shift = NAME(log_sum_exp)(x, columns);
    for (size_t c = 0; c < columns; c++) y[c] = x[c] - shift;
  }
}

HR_CLONES void NAME(hr_log_softmax_backward)(T *restrict dx, const T *restrict dy,
                                             const T *restrict y, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, dx += columns, dy += columns, y += columns) {
    const T sum = NAME(row_sum)(dy, columns);
    for (size_t c = 0; c < columns; c++) dx[c] = dy[c] - NAME(exp)(y[c]) * sum;
  }
}

HR_CLONES void NAME(hr_cross_entropy)(T *losses, T *logs, const T *restrict x,
                                      const int32_t *labels, const T *weights, T smoothing,
                                      int32_t ignored, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    const int32_t label = labels[r];
    losses[r] = logs[r] = 0;
    if (label == ignored) continue;
    const T log = logs[r] = NAME(log_sum_exp)(x, columns);
    losses[r] = (1 - smoothing) * (weights ? weights[label] : 1) * (log - x[label]);
    if (smoothing == 0) continue;
    T sum = 0;
    for (size_t c = 0; c < columns; c++) sum += (weights ? weights[c] : 1) * (log - x[c]);
    losses[r] += smoothing / (T)columns * sum;
  }
}

HR_CLONES void NAME(hr_cross_entropy_backward)(T *restrict dx, const T *dlosses, size_t step,
                                               const T *logs, const T *restrict x,
                                               const int32_t *labels, const T *weights, T total,
                                               T smoothing, int32_t ignored, size_t rows,
                                               size_t columns) {
  const T even = smoothing / (T)columns;
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns) {
    const int32_t label = labels[r];
    if (label == ignored) {
      memset(dx, 0, columns * sizeof(T));
      continue;
    }
    const T log = logs[r], factor = dlosses[r * step];
    const T own = (1 - smoothing) * (weights ? weights[label] : 1);
    const T share = factor * (own + even * total);
    for (size_t c = 0; c < columns; c++) dx[c] = share * NAME(exp)(x[c] - log);
    if (smoothing != 0)
      for (size_t c = 0; c < columns; c++) dx[c] -= factor * even * (weights ? weights[c] : 1);
    dx[label] -= factor * own;
  }
}

// The loops of norm.h for one element type: T, its suffix in NAME.

// The sums over a row of what depends on its element i, in 16 interleaved lanes, so that they
// vectorize: of A into `a`, of B into `b`.
#define SUMS(a, A, b, B)                              \
  T a = 0, b = 0;                                     \
  {                                                   \
    T lanes_a[16] = {0}, lanes_b[16] = {0};           \
    size_t i = 0, c = 0;                              \
    for (; c + 16 <= columns; c += 16)                \
      for (size_t k = 0; k < 16; k++) {               \
        i = c + k;                                    \
        lanes_a[k] += (A);                            \
        lanes_b[k] += (B);                            \
      }                                               \
    for (size_t k = 0; c < columns; c++, k++) {       \
      i = c;                                          \
      lanes_a[k] += (A);                              \
      lanes_b[k] += (B);                              \
    }                                                 \
    for (size_t k = 0; k < 16; k++) {                 \
      a += lanes_a[k];                                \
      b += lanes_b[k];                                \
    }                                                 \
  }

HR_CLONES void NAME(hr_layer_norm)(T *restrict y, T *restrict means, T *restrict scales,
                                   const T *restrict x, const T *restrict w, const T *restrict b,
                                   T epsilon, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
    // Differences from the first element, so that a large mean does not cost the variance its digits.
    const T origin = x[0];
    SUMS(sum, x[i] - origin, squares, (x[i] - origin) * (x[i] - origin))
    const T shift = sum / (T)columns, mean = origin + shift;
    T variance = squares / (T)columns - shift * shift;
    if (variance < shift * shift * (T)1e-2) {
      SUMS(exact, (x[i] - mean) * (x[i] - mean), unused, 0)
      (void)unused;
      variance = exact / (T)columns;
    }
    const T scale = 1 / __builtin_elementwise_sqrt(variance + epsilon);
    means[r] = mean;
    scales[r] = scale;
    if (w && b)
      for (size_t c = 0; c < columns; c++) y[c] = (x[c] - mean) * scale * w[c] + b[c];
    else if (w)
      for (size_t c = 0; c < columns; c++) y[c] = (x[c] - mean) * scale * w[c];
    else if (b)
      for (size_t c = 0; c < columns; c++) y[c] = (x[c] - mean) * scale + b[c];
    else
      for (size_t c = 0; c < columns; c++) y[c] = (x[c] - mean) * scale;
  }
}

HR_CLONES void NAME(hr_layer_norm_backward)(T *restrict dx, T *restrict dw, T *restrict db,
                                            const T *restrict dy, const T *restrict x,
                                            const T *means, const T *scales,
                                            const T *restrict w, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns, dy += columns) {
    const T mean = means[r], scale = scales[r];
    for (size_t c = 0; c < columns; c++) dx[c] = w ? dy[c] * w[c] : dy[c];
    SUMS(sum, dx[i], along, dx[i] * (x[i] - mean))
    const T even = sum / (T)columns, tilt = along * scale * scale / (T)columns;
    for (size_t c = 0; c < columns; c++) dx[c] = scale * (dx[c] - even - (x[c] - mean) * tilt);
    if (dw)
      for (size_t c = 0; c < columns; c++) dw[c] += dy[c] * (x[c] - mean) * scale;
    if (db)
      for (size_t c = 0; c < columns; c++) db[c] += dy[c];
  }
}
#undef SUMS

HR_CLONES void NAME(hr_column_squares)(T *restrict sums, const T *restrict x,
                                       const T *restrict means, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns)
    for (size_t c = 0; c < columns; c++) sums[c] += (x[c] - means[c]) * (x[c] - means[c]);
}

HR_CLONES void NAME(hr_column_products)(T *restrict sums, const T *restrict dy,
                                        const T *restrict x, const T *restrict means, size_t rows,
                                        size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dy += columns)
    for (size_t c = 0; c < columns; c++) sums[c] += dy[c] * (x[c] - means[c]);
}

HR_CLONES void NAME(hr_scale_columns)(T *restrict y, const T *restrict x,
                                      const T *restrict means, const T *restrict a,
                                      const T *restrict b, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, y += columns)
    for (size_t c = 0; c < columns; c++) y[c] = a[c] * (x[c] - means[c]) + b[c];
}

HR_CLONES void NAME(hr_combine_columns)(T *restrict dx, const T *restrict dy,
                                        const T *restrict x, const T *restrict means,
                                        const T *restrict a, const T *restrict b,
                                        const T *restrict s, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, dx += columns, dy += columns)
    for (size_t c = 0; c < columns; c++) dx[c] = a[c] * dy[c] + b[c] * (x[c] - means[c]) + s[c];
}

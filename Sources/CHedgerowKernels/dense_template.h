// The loops of dense.h for one element type: T, its suffix in NAME, and UNIT_BITS, the bits of a
// uniform number.

HR_CLONES void NAME(hr_fill)(T *out, T value, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = value;
}

HR_CLONES void NAME(hr_add)(T *out, const T *a, const T *b, size_t n) {
  HR_IN_PLACE
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

HR_CLONES void NAME(hr_scale)(T *out, const T *a, T factor, size_t n) {
  HR_IN_PLACE
  for (size_t i = 0; i < n; i++) out[i] = factor * a[i];
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

HR_CLONES void NAME(hr_arg_max)(int32_t *restrict out, const T *restrict x, size_t rows,
                                size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    size_t best = 0;
    for (size_t c = 1; c < columns; c++)
      if (x[c] > x[best]) best = c;
    out[r] = (int32_t)best;
  }
}

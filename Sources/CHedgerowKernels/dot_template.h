// For one element type T with its suffix in NAME: the sum of a[i] b[i] in 16 interleaved lanes, so that
// it vectorizes, added up in pairs of ever nearer lanes.
HR_INLINE T NAME(dot)(const T *a, const T *b, size_t n) {
  T lanes[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t k = 0; k < 16; k++) lanes[k] += a[i + k] * b[i + k];
  for (size_t k = 0; i < n; i++, k++) lanes[k] += a[i] * b[i];
  for (size_t half = 8; half > 0; half /= 2)
    for (size_t k = 0; k < half; k++) lanes[k] += lanes[k + half];
  return lanes[0];
}

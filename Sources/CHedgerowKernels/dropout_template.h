// The loop of dropout for one element type T with its suffix in NAME.
HR_INLINE void NAME(dropout)(T *out, const T *a, T factor, uint32_t threshold, uint64_t key,
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

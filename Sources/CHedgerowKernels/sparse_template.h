// The loops of sparse.h for one element type: T, with its suffix in NAME.

static inline void NAME(fetch)(const uint32_t *a_columns, size_t e, size_t last,
                               const uint32_t *b_offsets, const uint32_t *b_columns, const T *b) {
  if (e + FAR < last) __builtin_prefetch(b + b_offsets[a_columns[e + NEAR]]);
  fetch(a_columns, e, last, b_offsets, b_columns);
}

HR_CLONES void NAME(hr_spgemm_fill)(uint32_t *columns, T *values, const uint32_t *offsets,
                                    const uint64_t *bounds, const uint32_t *a_offsets,
                                    const uint32_t *a_columns, const T *a,
                                    const uint32_t *b_offsets, const uint32_t *b_columns,
                                    const T *b, uint64_t width, const hr_spgemm_table *table,
                                    size_t begin, size_t end) {
  uint32_t *restrict held = table->columns, *restrict used = table->slots;
  T *restrict sums = table->sums;
  const size_t last = a_offsets[end];
  for (size_t r = begin; r < end; r++) {
    const hr_slots slots = slots_for(bounds[r], width);
    size_t count = 0;
    for (size_t e = a_offsets[r]; e < a_offsets[r + 1]; e++) {
      NAME(fetch)(a_columns, e, last, b_offsets, b_columns, b);
      const size_t k = a_columns[e];
      const T factor = a[e];
      for (size_t f = b_offsets[k]; f < b_offsets[k + 1]; f++) {
        const uint32_t column = b_columns[f], slot = slot_of(held, slots, column);
        if (held[slot] == column) {
          sums[slot] += factor * b[f];
        } else {
          held[slot] = column;
          sums[slot] = factor * b[f];
          used[count++] = slot;
        }
      }
    }
    sort_slots(table, slots, count, width);
    const size_t first = offsets[r];
    for (size_t i = 0; i < count; i++) {
      columns[first + i] = held[used[i]];
      values[first + i] = sums[used[i]];
    }
    clear(table, count);
  }
}

HR_CLONES void NAME(hr_spgemm_backward)(T *da, const uint32_t *offsets, const uint32_t *columns,
                                        const T *dy, const uint32_t *a_offsets,
                                        const uint32_t *a_columns, const uint32_t *b_offsets,
                                        const uint32_t *b_columns, const T *b, uint64_t width,
                                        const hr_spgemm_table *table, size_t begin, size_t end) {
  uint32_t *restrict held = table->columns, *restrict used = table->slots;
  T *restrict slopes = table->sums;
  const size_t last = a_offsets[end];
  for (size_t r = begin; r < end; r++) {
    const size_t first = offsets[r], count = offsets[r + 1] - first;
    const hr_slots slots = slots_for(count, width);
    for (size_t i = 0; i < count; i++) {
      const uint32_t slot = slot_of(held, slots, columns[first + i]);
      held[slot] = columns[first + i];
      slopes[slot] = dy[first + i];
      used[i] = slot;
    }
    for (size_t e = a_offsets[r]; e < a_offsets[r + 1]; e++) {
      NAME(fetch)(a_columns, e, last, b_offsets, b_columns, b);
      const size_t k = a_columns[e];
      T sum = 0;
      for (size_t f = b_offsets[k]; f < b_offsets[k + 1]; f++)
        sum += b[f] * slopes[slot_of(held, slots, b_columns[f])];
      da[e] = sum;
    }
    clear(table, count);
  }
}

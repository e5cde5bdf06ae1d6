#include "sparse.h"
#include <string.h>
#include "dispatch.h"

#define NONE UINT32_MAX
// Entries of a between the one whose row of b is read and the one whose row is fetched, and before
// that the one whose row's bounds are.
#define FAR 16
#define NEAR 8

void hr_spgemm_bounds(uint64_t *bounds, const uint32_t *a_offsets, const uint32_t *a_columns,
                      const uint32_t *b_offsets, size_t begin, size_t end) {
  for (size_t r = begin; r < end; r++) {
    uint64_t sum = 0;
    for (size_t e = a_offsets[r]; e < a_offsets[r + 1]; e++)
      sum += b_offsets[a_columns[e] + 1] - b_offsets[a_columns[e]];
    bounds[r] = sum;
  }
}

// Where columns go. In a table that has a slot for each, column c is in slot c.
typedef struct {
  uint32_t factor, shift, mask;
} hr_slots;

// Half empty, and never tiny.
static inline unsigned bits_for(uint64_t bound) {
  return bound < 8 ? 4 : 65 - (unsigned)__builtin_clzll(bound);
}

static inline hr_slots slots_for(uint64_t bound, uint64_t width) {
  const unsigned bits = bits_for(bound);
  if (bits >= 32 || (uint64_t)1 << bits >= width) return (hr_slots){1, 0, NONE};
  // By the golden ratio: neighbours and multiples spread alike.
  return (hr_slots){2654435769u, 32 - bits, ((uint32_t)1 << bits) - 1};
}

uint64_t hr_spgemm_capacity(uint64_t bound, uint64_t width) {
  const unsigned bits = bits_for(bound);
  return bits >= 32 || (uint64_t)1 << bits >= width ? width : (uint64_t)1 << bits;
}

static inline uint32_t slot_of(const uint32_t *columns, hr_slots slots, uint32_t column) {
  uint32_t slot = column * slots.factor >> slots.shift;
  while (columns[slot] != column && columns[slot] != NONE) slot = (slot + 1) & slots.mask;
  return slot;
}

// `e` is an entry of a, and `last` is behind those of the rows at hand.
static inline void fetch(const uint32_t *a_columns, size_t e, size_t last,
                         const uint32_t *b_offsets, const uint32_t *b_columns) {
  if (e + FAR >= last) return;
  __builtin_prefetch(b_offsets + a_columns[e + FAR]);
  __builtin_prefetch(b_columns + b_offsets[a_columns[e + NEAR]]);
}

static inline void clear(const hr_spgemm_table *table, size_t count) {
  for (size_t i = 0; i < count; i++) table->columns[table->slots[i]] = NONE;
}

void hr_spgemm_count(uint32_t *counts, const uint64_t *bounds, const uint32_t *a_offsets,
                     const uint32_t *a_columns, const uint32_t *b_offsets,
                     const uint32_t *b_columns, uint64_t width, const hr_spgemm_table *table,
                     size_t begin, size_t end) {
  uint32_t *restrict columns = table->columns, *restrict used = table->slots;
  const size_t last = a_offsets[end];
  for (size_t r = begin; r < end; r++) {
    const hr_slots slots = slots_for(bounds[r], width);
    uint32_t count = 0;
    for (size_t e = a_offsets[r]; e < a_offsets[r + 1]; e++) {
      fetch(a_columns, e, last, b_offsets, b_columns);
      const size_t k = a_columns[e];
      for (size_t f = b_offsets[k]; f < b_offsets[k + 1]; f++) {
        const uint32_t column = b_columns[f], slot = slot_of(columns, slots, column);
        if (columns[slot] == column) continue;
        columns[slot] = column;
        used[count++] = slot;
      }
    }
    counts[r] = count;
    clear(table, count);
  }
}

// Sorts columns below `width`, by digits from the lowest up. The result is in the buffer returned.
static uint32_t *sort_columns(uint32_t *from, uint32_t *to, size_t count, uint64_t width) {
  for (unsigned shift = 0; shift < 32 && (width - 1) >> shift; shift += 8) {
    size_t starts[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++) starts[from[i] >> shift & 255]++;
    for (size_t digit = 0; digit < 256; digit++) {
      const size_t size = starts[digit];
      starts[digit] = sum;
      sum += size;
    }
    for (size_t i = 0; i < count; i++) to[starts[from[i] >> shift & 255]++] = from[i];
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

// Puts the slots in use in the order of their columns.
static void sort_slots(const hr_spgemm_table *table, hr_slots slots, size_t count,
                       uint64_t width) {
  uint32_t *used = table->slots, *keys = table->keys;
  const uint32_t *columns = table->columns;
  if (!slots.shift && count >= width / 32) {
    for (uint32_t slot = 0, next = 0; next < count; slot++)
      if (columns[slot] != NONE) used[next++] = slot;
    return;
  }
  if (count <= 48) {
    for (size_t i = 0; i < count; i++) {
      const uint32_t key = columns[used[i]];
      size_t at = i;
      for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
      keys[at] = key;
    }
  } else {
    for (size_t i = 0; i < count; i++) keys[i] = columns[used[i]];
    keys = sort_columns(keys, keys + table->capacity, count, width);
  }
  for (size_t i = 0; i < count; i++) used[i] = slot_of(columns, slots, keys[i]);
}

#define T float
#define NAME(name) name##_f32
#include "sparse_template.h"
#undef T
#undef NAME

#define T double
#define NAME(name) name##_f64
#include "sparse_template.h"

#include "gather.h"
#include "dispatch.h"
#include "halves.h"
#include <string.h>

enum { ahead_rows = 8 };

HR_CLONES static void widen_half(const uint16_t *restrict in, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = half_to_float(in[i]);
}

HR_CLONES static void widen_bfloat(const uint16_t *restrict in, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = bfloat_to_float(in[i]);
}

HR_CLONES static void scale_i8(const int8_t *restrict in, size_t n, float scale,
                               float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = (float)in[i] * scale;
}

#define WIDEN(name, type)                                                                     \
  HR_CLONES static void name(const type *restrict in, size_t n, float *restrict out) {        \
    for (size_t i = 0; i < n; i++) out[i] = (float)in[i];                                     \
  }
WIDEN(widen_u8, uint8_t)
WIDEN(widen_f64, double)
WIDEN(widen_i16, int16_t)
WIDEN(widen_i32, int32_t)
WIDEN(widen_i64, int64_t)

static const size_t element_bytes[] = {4, 2, 1, 1, 8, 2, 4, 8, 2};

typedef struct {
  const hr_matrix_range *ranges;
  size_t range_count;
  unsigned shift;
  size_t stride;
} matrix;

typedef enum { a_row, null_row, no_row } found;

static inline found find(const matrix *m, uint32_t node, const void **in) {
  uint64_t number = (uint64_t)node >> m->shift, row = node & (((uint64_t)1 << m->shift) - 1);
  if (number >= m->range_count || row >= m->ranges[number].row_count) return no_row;
  const hr_matrix_range *range = &m->ranges[number];
  if (range->validity && !(range->validity[row >> 6] >> (row & 63) & 1)) return null_row;
  *in = (const char *)range->rows + row * m->stride;
  return a_row;
}

static inline void prefetch(const void *row, size_t bytes) {
  size_t most = bytes < 1024 ? bytes : 1024;
  for (size_t at = 0; at < most; at += 64) __builtin_prefetch((const char *)row + at);
}

// More than stays in a core's cache until somebody reads it: lines are then written past the caches, which
// need not read them first.
enum { line = 64, most_cached_bytes = 4 << 20 };

static inline int is_streamed(const void *first, size_t row_bytes, size_t count) {
  return !((uintptr_t)first % line) && !(row_bytes % line) && count * row_bytes > most_cached_bytes;
}

// Stores wait in a queue of some sixty, and what comes after a full queue waits with them, the prefetches of
// later rows among it: so they are few and wide.
HR_INLINE void stream(void *out, const void *in, size_t bytes) {
  typedef uint64_t half_line __attribute__((vector_size(line / 2)));
  for (size_t at = 0; at < bytes; at += line) {
    half_line halves[2];
    memcpy(halves, (const char *)in + at, sizeof halves);
    __builtin_nontemporal_store(halves[0], (half_line *)((char *)out + at));
    __builtin_nontemporal_store(halves[1], (half_line *)((char *)out + at) + 1);
  }
}

// What becomes of the rows.
typedef struct {
  hr_element element;
  float scale;
  size_t width;
  int streams;
} change;

HR_INLINE void put_row(void *out, const void *in, size_t bytes, const change *how) {
  switch (how->element) {
    case hr_float32: how->streams ? stream(out, in, bytes) : (void)memcpy(out, in, bytes); break;
    case hr_float16: widen_half(in, how->width, out); break;
    case hr_uint8: widen_u8(in, how->width, out); break;
    case hr_int8: scale_i8(in, how->width, how->scale, out); break;
    case hr_float64: widen_f64(in, how->width, out); break;
    case hr_int16: widen_i16(in, how->width, out); break;
    case hr_int32: widen_i32(in, how->width, out); break;
    case hr_int64: widen_i64(in, how->width, out); break;
    case hr_bfloat16: widen_bfloat(in, how->width, out); break;
  }
}

HR_INLINE ptrdiff_t put_rows(const matrix *m, size_t bytes, const uint32_t *nodes,
                             const uint32_t *places, size_t count, char *first, size_t out_bytes,
                             change how) {
  enum { ring = 2 * ahead_rows };
  const void *rows[ring];  // that come next; none for a null row
  for (size_t i = 0; i < count + ahead_rows; i++) {
    if (i < count) {
      const void *row = NULL;
      if (find(m, nodes[i], &row) == no_row) return (ptrdiff_t)i;
      rows[i % ring] = row;
      if (row) prefetch(row, bytes);
    }
    if (i < ahead_rows) continue;
    size_t done = i - ahead_rows;
    char *out = first + (places ? places[done] : done) * out_bytes;
    const void *row = rows[done % ring];
    if (row) put_row(out, row, bytes, &how);
    else memset(out, 0, out_bytes);
  }
  return -1;
}

// float32, or bytes as they are.
HR_CLONES static ptrdiff_t stream_rows(const matrix *m, size_t bytes, const uint32_t *nodes,
                                       const uint32_t *places, size_t count, void *first) {
  ptrdiff_t bad = put_rows(m, bytes, nodes, places, count, first, bytes,
                           (change){.element = hr_float32, .streams = 1});
  // Rows are there for whoever hears that they are.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return bad;
}

static ptrdiff_t copy_rows(const matrix *m, size_t bytes, const uint32_t *nodes,
                           const uint32_t *places, size_t count, void *first) {
  if (is_streamed(first, bytes, count)) return stream_rows(m, bytes, nodes, places, count, first);
  return put_rows(m, bytes, nodes, places, count, first, bytes, (change){.element = hr_float32});
}

ptrdiff_t hr_gather_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                         size_t stride, hr_element element, float scale, size_t width,
                         const uint32_t *nodes, const uint32_t *places, size_t count,
                         float *first) {
  const matrix m = {ranges, range_count, shift, stride};
  const size_t bytes = width * element_bytes[element];
  if (element == hr_float32) return copy_rows(&m, bytes, nodes, places, count, first);
  return put_rows(&m, bytes, nodes, places, count, (char *)first, width * sizeof *first,
                  (change){.element = element, .scale = scale, .width = width});
}

ptrdiff_t hr_copy_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                       size_t stride, size_t byte_count, const uint32_t *nodes, size_t count,
                       void *first) {
  const matrix m = {ranges, range_count, shift, stride};
  return copy_rows(&m, byte_count, nodes, NULL, count, first);
}

ptrdiff_t hr_find_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                       size_t stride, const uint32_t *nodes, size_t count, const void *null,
                       const void **rows) {
  const matrix m = {ranges, range_count, shift, stride};
  for (size_t i = 0; i < count; i++) {
    switch (find(&m, nodes[i], &rows[i])) {
      case no_row: return (ptrdiff_t)i;
      case null_row: rows[i] = null; break;
      case a_row: break;
    }
  }
  return -1;
}

ptrdiff_t hr_rank_members(const uint64_t *words, const uint32_t *word_ranks, size_t bound,
                          const uint32_t *nodes, size_t count, uint32_t *ranks, uint32_t *places,
                          uint64_t *rest) {
  size_t members = 0, others = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t node = nodes[i];
    if (node >= bound) return -1 - (ptrdiff_t)i;
    if (i + 2 * ahead_rows < count && nodes[i + 2 * ahead_rows] < bound) {
      __builtin_prefetch(&words[nodes[i + 2 * ahead_rows] >> 6]);
      __builtin_prefetch(&word_ranks[nodes[i + 2 * ahead_rows] >> 6]);
    }
    uint64_t word = words[node >> 6], bit = 1ull << (node & 63);
    // Both are written and one counts: which it is cannot be foretold.
    ranks[members] = word_ranks[node >> 6] + (uint32_t)__builtin_popcountll(word & (bit - 1));
    places[members] = (uint32_t)i;
    rest[others] = (uint64_t)node << 32 | i;
    int is_member = (word & bit) != 0;
    members += is_member;
    others += !is_member;
  }
  return (ptrdiff_t)members;
}

// The bit of so many set bits before it.
HR_INLINE unsigned select_bit(uint64_t word, uint32_t rank) {
  for (; rank > 0; rank--) word &= word - 1;
  return (unsigned)__builtin_ctzll(word);
}

HR_CLONES
ptrdiff_t hr_find_kept(const hr_row_start *starts, size_t row_count, const uint64_t *words,
                       const uint32_t *word_ranks, const uint64_t *addresses, size_t count,
                       uint64_t *places, uint32_t *runs, uint32_t *rows) {
  size_t run_count = 0;
  uint64_t next = UINT64_MAX, entry = 0;
  for (size_t i = 0; i < count; i++) {
    if (i + 4 * ahead_rows < count) {
      uint64_t row = addresses[i + 4 * ahead_rows] >> 32;
      if (row < row_count) __builtin_prefetch(&starts[row]);
    }
    if (i + 2 * ahead_rows < count) {
      uint64_t row = addresses[i + 2 * ahead_rows] >> 32;
      if (row < row_count) {
        __builtin_prefetch(&words[starts[row].all >> 6]);
        __builtin_prefetch(&word_ranks[starts[row].all >> 6]);
      }
    }
    const uint64_t address = addresses[i], row = address >> 32;
    if (row >= row_count) return -1 - (ptrdiff_t)i;
    const hr_row_start first = starts[row], end = starts[row + 1];
    if ((uint32_t)address >= end.kept - first.kept) return -1 - (ptrdiff_t)i;
    if (address == next) {
      // The next bit.
      uint64_t word = (entry + 1) >> 6;
      uint64_t bits = words[word] & (UINT64_MAX << ((entry + 1) & 63));
      while (bits == 0) bits = words[++word];
      entry = word << 6 | (unsigned)__builtin_ctzll(bits);
    } else {
      const uint32_t rank = first.kept + (uint32_t)address;
      // The last word before which are not more.
      uint64_t low = first.all >> 6, high = ((uint64_t)end.all + 63) >> 6;
      while (high - low > 1) {
        uint64_t middle = (low + high) / 2;
        if (word_ranks[middle] <= rank) low = middle; else high = middle;
      }
      entry = low << 6 | select_bit(words[low], rank - word_ranks[low]);
    }
    next = address + 1;
    if (run_count == 0 || rows[run_count - 1] != (uint32_t)row) rows[run_count++] = (uint32_t)row;
    runs[i] = (uint32_t)(run_count - 1);
    places[i] = entry - first.all;
  }
  return (ptrdiff_t)run_count;
}

float hr_half_to_float(uint16_t half) { return half_to_float(half); }

#include "sort.h"
#include "dispatch.h"
#include <string.h>

enum { DIGIT = 11, BUCKETS = 1 << DIGIT };

uint64_t *hr_sort_u64(uint64_t *keys, uint64_t *scratch, size_t count) {
  if (count < 2) return keys;
  uint64_t any = 0;
  int sorted = 1;
  for (size_t i = 1; i < count; i++) {
    any |= keys[i] ^ keys[0];
    sorted &= keys[i - 1] <= keys[i];
  }
  if (sorted) return keys;
  // Digits cover only the bits that differ somewhere, from the lowest up.
  size_t starts[BUCKETS];
  uint64_t *from = keys, *to = scratch;
  while (any) {
    const int shift = __builtin_ctzll(any);
    const uint64_t digit = ((uint64_t)BUCKETS - 1) << shift;
    any &= ~digit;
    memset(starts, 0, sizeof starts);
    for (size_t i = 0; i < count; i++) starts[(from[i] >> shift) & (BUCKETS - 1)]++;
    size_t sum = 0;
    for (int b = 0; b < BUCKETS; b++) {
      const size_t size = starts[b];
      starts[b] = sum;
      sum += size;
    }
    for (size_t i = 0; i < count; i++) {
      const uint64_t key = from[i];
      to[starts[(key >> shift) & (BUCKETS - 1)]++] = key;
    }
    uint64_t *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

static inline void scatter(const uint8_t *from, uint8_t *to, size_t count, size_t width,
                           size_t byte, size_t *starts) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t *record = from + i * width;
    memcpy(to + starts[record[byte]]++ * width, record, width);
  }
}

uint8_t *hr_sort_records(uint8_t *records, uint8_t *scratch, size_t count, size_t width,
                         size_t key_width) {
  if (count < 2) return records;
  uint8_t *from = records, *to = scratch;
  for (size_t byte = key_width; byte-- > 0;) {
    size_t starts[256] = {0};
    for (size_t i = 0; i < count; i++) starts[from[i * width + byte]]++;
    if (starts[from[byte]] == count) continue;  // the same everywhere
    size_t sum = 0;
    for (int b = 0; b < 256; b++) {
      const size_t size = starts[b];
      starts[b] = sum;
      sum += size;
    }
    switch (width) {  // constant widths copy in registers
      case 8: scatter(from, to, count, 8, byte, starts); break;
      case 12: scatter(from, to, count, 12, byte, starts); break;
      case 16: scatter(from, to, count, 16, byte, starts); break;
      case 24: scatter(from, to, count, 24, byte, starts); break;
      default: scatter(from, to, count, width, byte, starts);
    }
    uint8_t *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

// Texts that agree in their first `shared` bytes; `prefixes` are the 8 bytes behind those.
static inline int text_precedes(const uint8_t *arena, const hr_text *texts,
                                const uint64_t *prefixes, size_t shared, uint32_t a, uint32_t b) {
  if (prefixes[a] != prefixes[b]) return prefixes[a] < prefixes[b];
  const size_t m = texts[a].count, n = texts[b].count, least = m < n ? m : n, seen = shared + 8;
  if (least > seen) {
    const int order =
        memcmp(arena + texts[a].offset + seen, arena + texts[b].offset + seen, least - seen);
    if (order) return order < 0;
  }
  return m < n;
}

/// How many bytes all texts begin with alike.
static size_t shared_prefix(const uint8_t *arena, const hr_text *texts, size_t count) {
  const uint8_t *first = arena + texts[0].offset;
  size_t shared = texts[0].count;
  for (size_t i = 1; i < count && shared; i++) {
    const uint8_t *text = arena + texts[i].offset;
    if (texts[i].count < shared) shared = texts[i].count;
    if (!memcmp(first, text, shared)) continue;
    size_t same = 0;
    while (first[same] == text[same]) same++;
    shared = same;
  }
  return shared;
}

void hr_sort_texts(const uint8_t *arena, const hr_text *texts, uint64_t *prefixes, uint32_t *order,
                   uint32_t *scratch, size_t count) {
  if (!count) return;
  // Keys often begin alike, as "user-000": the bytes that tell them apart come behind that.
  const size_t shared = shared_prefix(arena, texts, count);
  for (size_t i = 0; i < count; i++) {
    const hr_text text = texts[i];
    const size_t left = text.count - shared;
    uint8_t first[8] = {0};
    memcpy(first, arena + text.offset + shared, left < 8 ? left : 8);
    uint64_t word;
    memcpy(&word, first, 8);
    prefixes[i] = __builtin_bswap64(word);
  }
  uint32_t *from = order, *to = scratch;
  for (size_t run = 1; run < count; run *= 2) {  // merges, bottom up
    for (size_t begin = 0; begin < count; begin += 2 * run) {
      const size_t middle = begin + run < count ? begin + run : count;
      const size_t end = begin + 2 * run < count ? begin + 2 * run : count;
      size_t a = begin, b = middle, out = begin;
      while (a < middle && b < end)
        to[out++] = text_precedes(arena, texts, prefixes, shared, from[b], from[a]) ? from[b++]
                                                                                    : from[a++];
      memcpy(to + out, from + a, (middle - a) * sizeof *to);
      out += middle - a;
      memcpy(to + out, from + b, (end - b) * sizeof *to);
    }
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  if (from != order) memcpy(order, from, count * sizeof *order);
}

// The tournament: tree[0] is the winner, tree[1 ..< runs] the losers of the matches above the leaves.

static inline int is_over(const hr_cursor *cursor) { return cursor->next == cursor->end; }

static inline int beats(const hr_merge *merge, uint32_t a, uint32_t b) {
  const hr_cursor *x = merge->cursors + a, *y = merge->cursors + b;
  if (is_over(x) || is_over(y)) return is_over(y) && (!is_over(x) || a < b);
  if (merge->width == 8 && merge->key_width == 8) {
    uint64_t p, q;
    memcpy(&p, x->next, 8);
    memcpy(&q, y->next, 8);
    return p != q ? p < q : a < b;
  }
  if (merge->key_width >= 8) {
    uint64_t p, q;
    memcpy(&p, x->next, 8);
    memcpy(&q, y->next, 8);
    if (p != q) return __builtin_bswap64(p) < __builtin_bswap64(q);
  }
  const int order = memcmp(x->next, y->next, merge->key_width);
  return order ? order < 0 : a < b;
}

static uint32_t play(hr_merge *merge, uint32_t node) {
  if (node >= merge->runs) return node - merge->runs;
  const uint32_t a = play(merge, 2 * node), b = play(merge, 2 * node + 1);
  const int first = beats(merge, a, b);
  merge->tree[node] = first ? b : a;
  return first ? a : b;
}

static inline void replay(hr_merge *merge) {
  uint32_t winner = merge->tree[0];
  for (uint32_t node = (winner + merge->runs) / 2; node > 0; node /= 2) {
    const uint32_t other = merge->tree[node];
    if (beats(merge, other, winner)) {
      merge->tree[node] = winner;
      winner = other;
    }
  }
  merge->tree[0] = winner;
}

int64_t hr_merge_next(hr_merge *merge, uint8_t *out, size_t capacity, size_t *count) {
  // 0: nothing played; 1: the winner's record is next; 2: the winner was used and must be replayed.
  if (merge->started == 0) {
    merge->tree[0] = merge->runs > 1 ? play(merge, 1) : 0;
    merge->started = 1;
  }
  size_t written = 0;
  const size_t width = merge->width;
  while (written < capacity) {
    if (merge->started == 2) {
      replay(merge);
      merge->started = 1;
    }
    hr_cursor *cursor = merge->cursors + merge->tree[0];
    if (is_over(cursor)) break;  // the best is over, so all are
    if (width == 8)
      memcpy(out, cursor->next, 8);
    else
      memcpy(out, cursor->next, width);
    out += width;
    cursor->next += width;
    written++;
    merge->started = 2;
    if (is_over(cursor) && !cursor->is_last) {
      *count += written;
      return merge->tree[0];
    }
  }
  *count += written;
  return -1;
}

HR_CLONES void hr_unzip_u64(const uint64_t *words, size_t count, uint32_t *hi, uint32_t *lo) {
  for (size_t i = 0; i < count; i++) {
    hi[i] = (uint32_t)(words[i] >> 32);
    lo[i] = (uint32_t)words[i];
  }
}

HR_CLONES void hr_zip_u64(const uint32_t *hi, const uint32_t *lo, size_t count, uint64_t *words) {
  for (size_t i = 0; i < count; i++) words[i] = (uint64_t)hi[i] << 32 | lo[i];
}

#define EACH_WIDTH(body)                        \
  switch (width) {                              \
    case 1: body(1); break;                     \
    case 2: body(2); break;                     \
    case 4: body(4); break;                     \
    case 8: body(8); break;                     \
    default: body(width);                       \
  }

void hr_values_to_records(const uint8_t *values, size_t width, size_t count, uint8_t *records,
                          size_t stride) {
#define BODY(w) \
  for (size_t i = 0; i < count; i++) memcpy(records + i * stride, values + i * (w), w)
  EACH_WIDTH(BODY)
#undef BODY
}

void hr_records_to_values(const uint8_t *records, size_t stride, size_t count, uint8_t *values,
                          size_t width) {
#define BODY(w) \
  for (size_t i = 0; i < count; i++) memcpy(values + i * (w), records + i * stride, w)
  EACH_WIDTH(BODY)
#undef BODY
}

size_t hr_bits_set(uint64_t *bits, uint64_t limit, const int64_t *keys, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint64_t key = (uint64_t)keys[i];
    if (key >= limit) return i;
    bits[key >> 6] |= 1ull << (key & 63);
  }
  return count;
}

size_t hr_bits_unknown(const uint64_t *bits, uint64_t limit, const int64_t *keys, size_t count,
                       int64_t *out) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    const uint64_t key = (uint64_t)keys[i];
    const int known = key < limit && (bits[key >> 6] >> (key & 63) & 1);
    out[kept] = keys[i];
    kept += !known;
  }
  return kept;
}

HR_CLONES uint64_t hr_bits_index(const uint64_t *bits, size_t words, uint32_t *ranks) {
  uint64_t total = 0;
  for (size_t word = 0; word < words; word++) {
    if (word % 8 == 0) ranks[word / 8] = (uint32_t)total;
    total += (uint64_t)__builtin_popcountll(bits[word]);
  }
  return total;
}

HR_CLONES void hr_bits_rank(const uint64_t *bits, const uint32_t *ranks, uint64_t limit,
                            const int64_t *keys, size_t count, uint32_t *ids) {
  for (size_t i = 0; i < count; i++) {
    const uint64_t key = (uint64_t)keys[i];
    if (key >= limit || !(bits[key >> 6] >> (key & 63) & 1)) {
      ids[i] = UINT32_MAX;
      continue;
    }
    const size_t word = key >> 6, block = word & ~(size_t)7;
    uint64_t rank = ranks[word / 8];
    for (size_t w = block; w < word; w++) rank += (uint64_t)__builtin_popcountll(bits[w]);
    rank += (uint64_t)__builtin_popcountll(bits[word] & ((1ull << (key & 63)) - 1));
    ids[i] = (uint32_t)rank;
  }
}

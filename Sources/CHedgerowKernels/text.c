#define _GNU_SOURCE
#include "text.h"
#include "dispatch.h"
#include <string.h>

// Where the delimiter and the line ends are among 64 bytes, one bit a byte.
#if defined(__SSE2__)
#include <emmintrin.h>
static inline uint64_t structure(const uint8_t *p, uint8_t delimiter) {
  const __m128i d = _mm_set1_epi8((char)delimiter), n = _mm_set1_epi8('\n');
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++) {
    __m128i b = _mm_loadu_si128((const __m128i *)(p + 16 * i));
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(b, d), _mm_cmpeq_epi8(b, n));
    mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * i);
  }
  return mask;
}
#else
static inline uint64_t structure(const uint8_t *p, uint8_t delimiter) {
  uint64_t mask = 0;
  for (int i = 0; i < 64; i++) mask |= (uint64_t)(p[i] == delimiter || p[i] == '\n') << i;
  return mask;
}
#endif

size_t hr_split_rows(uint8_t *bytes, size_t count, hr_split *split, hr_field *fields, int *status) {
  const uint8_t delimiter = split->delimiter, comment = split->comment;
  const uint32_t columns = split->columns;
  const int collapse = delimiter == ' ';
  size_t p = split->position, rows = 0, base = p;
  uint64_t mask = p < count ? structure(bytes + p, delimiter) : 0;
  *status = HR_SPLIT_END;
  while (p < count) {
    if (comment && bytes[p] == comment) {
      const uint8_t *end = memchr(bytes + p, '\n', count - p);
      p = base = end ? (size_t)(end - bytes) + 1 : count;
      mask = p < count ? structure(bytes + p, delimiter) : 0;
      continue;
    }
    hr_field *row = fields + rows * columns;
    const size_t row_begin = p;
    uint32_t found = 0;
    int bad_quote = 0, blank = 1;
    for (;;) {  // one field a turn
      size_t begin = p, end = p;
      uint32_t quoted = 0;
      if (bytes[p] == '"') {
        size_t q = p + 1, w = q;
        begin = q;
        quoted = HR_FIELD_QUOTED;
        for (;;) {
          const uint8_t *close = memchr(bytes + q, '"', count - q);
          if (!close) {
            split->row_begin = row_begin;
            split->position = count;
            *status = HR_SPLIT_UNTERMINATED;
            return rows;
          }
          const size_t at = (size_t)(close - bytes);
          if (w != q) memmove(bytes + w, bytes + q, at - q);
          w += at - q;
          p = at + 1;
          if (p >= count || bytes[p] != '"') break;
          bytes[w++] = '"';
          q = p + 1;
        }
        end = w;
        memset(bytes + w, '"', p - 1 - w);  // keeps the count of line ends true
        base = p;
        mask = structure(bytes + p, delimiter);
      }
      while (!mask) {
        base += 64;
        mask = structure(bytes + base, delimiter);
      }
      const size_t at = base + (size_t)__builtin_ctzll(mask);
      mask &= mask - 1;
      const uint8_t stop = bytes[at];
      size_t text_end = at;
      if (stop == '\n' && at > p && bytes[at - 1] == '\r') text_end--;
      if (quoted)
        bad_quote |= text_end != p;
      else
        end = text_end;
      p = at + 1;
      const int empty = !quoted && end == begin;
      blank &= empty;
      if (!(collapse && empty)) {
        if (found < columns) row[found] = (hr_field){(uint32_t)begin, (uint32_t)end | quoted};
        found++;
      }
      if (stop == '\n') break;
    }
    if (blank && found <= 1) continue;
    if (__builtin_expect(found != columns || bad_quote, 0)) {
      split->row_begin = row_begin;
      split->found = found;
      split->position = p;
      *status = bad_quote ? HR_SPLIT_QUOTE : HR_SPLIT_COLUMNS;
      return rows;
    }
    rows++;
  }
  split->position = count;
  return rows;
}

size_t hr_last_row_end(const uint8_t *bytes, size_t from, size_t count, uint8_t delimiter,
                       uint8_t comment) {
  if (!memchr(bytes + from, '"', count - from)) {
    const uint8_t *last = memrchr(bytes + from, '\n', count - from);
    return last ? (size_t)(last - bytes) + 1 : 0;
  }
  size_t end = 0, p = from;
  int begins_row = 1;
  while (p < count) {
    if (begins_row && comment && bytes[p] == comment) {
      const uint8_t *stop = memchr(bytes + p, '\n', count - p);
      if (!stop) return end;
      p = end = (size_t)(stop - bytes) + 1;
      continue;
    }
    if (bytes[p] == '"') {  // the start of a field
      for (p++;;) {
        const uint8_t *close = memchr(bytes + p, '"', count - p);
        if (!close) return end;
        p = (size_t)(close - bytes) + 1;
        if (p >= count) return end;  // the next byte decides what the quote means
        if (bytes[p] != '"') break;
        p++;
      }
    }
    while (p < count && bytes[p] != delimiter && bytes[p] != '\n') p++;
    begins_row = p < count && bytes[p] == '\n';
    if (begins_row) end = p + 1;
    p++;
  }
  return end;
}

HR_CLONES size_t hr_count_byte(const uint8_t *bytes, size_t count, uint8_t byte) {
  size_t total = 0;
  while (count) {
    const size_t block = count < 248 ? count : 248;  // an 8-bit sum cannot overflow
    uint8_t sum = 0;
    for (size_t i = 0; i < block; i++) sum += bytes[i] == byte;
    total += sum;
    bytes += block;
    count -= block;
  }
  return total;
}

HR_CLONES int hr_is_ascii(const uint8_t *bytes, size_t count) {
  uint8_t seen = 0;
  for (size_t i = 0; i < count; i++) seen |= bytes[i];
  return seen < 0x80;
}

int hr_is_utf8(const uint8_t *bytes, size_t count) {
  size_t i = 0;
  while (i < count) {
    const uint8_t b = bytes[i++];
    if (b < 0x80) continue;
    int more;
    uint8_t low = 0x80, high = 0xBF;  // of the second byte
    if (b >= 0xC2 && b <= 0xDF) {
      more = 1;
    } else if (b >= 0xE0 && b <= 0xEF) {
      more = 2;
      if (b == 0xE0) low = 0xA0;
      if (b == 0xED) high = 0x9F;
    } else if (b >= 0xF0 && b <= 0xF4) {
      more = 3;
      if (b == 0xF0) low = 0x90;
      if (b == 0xF4) high = 0x8F;
    } else {
      return 0;
    }
    if (count - i < (size_t)more || bytes[i] < low || bytes[i] > high) return 0;
    for (int k = 1; k < more; k++)
      if ((bytes[i + k] & 0xC0) != 0x80) return 0;
    i += more;
  }
  return 1;
}

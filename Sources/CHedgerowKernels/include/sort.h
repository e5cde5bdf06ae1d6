// Sorting of fixed-width records, merging of sorted runs, and the small loops around them.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Sorts numbers by radix, only over the bits that differ. The result is in the buffer returned:
/// `keys` or `scratch`, both of `count`.
uint64_t *hr_sort_u64(uint64_t *keys, uint64_t *scratch, size_t count);

/// Sorts records of `width` bytes by their first `key_width` bytes as memcmp does; stable. The
/// result is in the buffer returned.
uint8_t *hr_sort_records(uint8_t *records, uint8_t *scratch, size_t count, size_t width,
                         size_t key_width);

/// Sorts `order` (indices of texts) by the bytes of `texts[order[i]]`; stable. `prefixes[i]` is
/// filled with the first 8 bytes of text i behind what all texts begin with alike, big-endian; `scratch` has room for `count`.
typedef struct hr_text {
  uint64_t offset;
  uint32_t count;
  uint32_t tag;
} hr_text;
void hr_sort_texts(const uint8_t *arena, const hr_text *texts, uint64_t *prefixes, uint32_t *order,
                   uint32_t *scratch, size_t count);

/// A stretch of a sorted run that is in memory. `is_last`: nothing comes after it.
typedef struct hr_cursor {
  const uint8_t *next, *end;
  int is_last;
} hr_cursor;

/// A merge of sorted runs; among equal keys the run of the lower number goes first. Width 8 with
/// key width 8 is a native uint64.
typedef struct hr_merge {
  hr_cursor *cursors;
  uint32_t *tree;  // room for `runs`
  uint32_t runs;
  uint32_t width, key_width;
  uint32_t started;
} hr_merge;

/// Writes up to `capacity` records to `out` and adds them to *count. Returns a run whose stretch is
/// used up and must be filled (or marked last) before the next call, or -1 when `out` is full or
/// all runs have ended. Before the first call every cursor holds a record or is last.
int64_t hr_merge_next(hr_merge *merge, uint8_t *out, size_t capacity, size_t *count);

/// hi[i], lo[i] = the halves of words[i].
void hr_unzip_u64(const uint64_t *words, size_t count, uint32_t *hi, uint32_t *lo);
/// words[i] = hi[i] << 32 | lo[i]
void hr_zip_u64(const uint32_t *hi, const uint32_t *lo, size_t count, uint64_t *words);

/// Copies `count` values of `width` bytes between a dense array and one `stride` bytes apart.
void hr_values_to_records(const uint8_t *values, size_t width, size_t count, uint8_t *records,
                          size_t stride);
void hr_records_to_values(const uint8_t *records, size_t stride, size_t count, uint8_t *values,
                          size_t width);

/// Sets bit `keys[i]` of a bitmap of `limit` bits; returns the first i whose key is outside, or
/// `count`.
size_t hr_bits_set(uint64_t *bits, uint64_t limit, const int64_t *keys, size_t count);
/// Keeps the keys whose bit is not set (or that are outside), in order; returns how many.
size_t hr_bits_unknown(const uint64_t *bits, uint64_t limit, const int64_t *keys, size_t count,
                       int64_t *out);
/// ranks[b] = bits set before block b of 512; returns all that are set. `words` is the bitmap's
/// length.
uint64_t hr_bits_index(const uint64_t *bits, size_t words, uint32_t *ranks);
/// ids[i] = how many bits are set below keys[i], or UINT32_MAX when its own is not.
void hr_bits_rank(const uint64_t *bits, const uint32_t *ranks, uint64_t limit, const int64_t *keys,
                  size_t count, uint32_t *ids);

#pragma once
#include "sort.h"
#include <stddef.h>
#include <stdint.h>

/// Distinct texts, numbered as they come: open addressing with linear probing.
///
/// A slot holds the upper half of a text's hash and its number plus one, or 0 for none; there are
/// mask + 1 of them, a power of two. `entries[i]` says where text i is in the arena.
typedef struct hr_table {
  uint64_t *slots;
  uint64_t mask;
  hr_text *entries;
  uint8_t *arena;
  /// Texts, and their bytes.
  uint64_t count, byte_count;
} hr_table;

/// A text that is somewhere; as Swift's UnsafeBufferPointer<UInt8> lies in memory.
typedef struct hr_bytes {
  const uint8_t *start;
  size_t count;
} hr_bytes;

/// The number of each text, UINT32_MAX for one that is not there. Memory is asked for well before it is
/// needed, so that the look-ups of many texts wait for it together. Any number of threads at a time.
void hr_table_find(const hr_table *table, const hr_bytes *texts, size_t count, uint32_t *numbers);

/// Inserts texts, in order, that are not there yet; there must be room for all of them. `numbers[i]` is
/// the number of text i, and `is_new[i]` says whether it came in now, with `tags[i]`.
void hr_table_insert(hr_table *table, const hr_bytes *texts, size_t count, const uint32_t *tags,
                     uint32_t *numbers, uint8_t *is_new);

/// Fills the empty slots of a larger table from those of a smaller one.
void hr_table_rehash(const uint64_t *slots, size_t count, hr_table *larger);

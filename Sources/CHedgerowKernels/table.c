#include "table.h"
#include <string.h>

static inline uint64_t mix(uint64_t a, uint64_t b) {
  const unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(const uint8_t *bytes, size_t count) {
  const uint64_t k0 = 0xA0761D6478BD642Full, k1 = 0xE7037ED1A0B428DBull;
  uint64_t hash = k0 ^ count, word;
  size_t left = count;
  for (; left > 8; bytes += 8, left -= 8) {
    memcpy(&word, bytes, 8);
    hash = mix(hash ^ word, k1);
  }
  word = 0;
  memcpy(&word, bytes, left);
  return mix(mix(hash ^ word, k1), k0);
}

static inline size_t first_slot(const hr_table *table, uint64_t hash) {
  return (size_t)(hash >> 32) & table->mask;
}

/// The number of a text, or UINT32_MAX with the slot where it belongs.
static inline uint32_t probe(const hr_table *table, hr_bytes text, uint64_t hash, size_t *place) {
  for (size_t slot = first_slot(table, hash);; slot = (slot + 1) & table->mask) {
    const uint64_t word = table->slots[slot];
    if (!word) {
      *place = slot;
      return UINT32_MAX;
    }
    if ((word ^ hash) >> 32) continue;
    const uint32_t number = (uint32_t)word - 1;
    const hr_text *entry = table->entries + number;
    if (entry->count == text.count &&
        (!text.count || !memcmp(table->arena + entry->offset, text.start, text.count)))
      return number;
  }
}

enum { GROUP = 32 };

/// Hashes a group of texts and asks for what their look-ups will read: slots, then entries, then texts.
static void fetch(const hr_table *table, const hr_bytes *texts, size_t count, uint64_t *hashes) {
  uint32_t candidates[GROUP];
  for (size_t i = 0; i < count; i++) {
    hashes[i] = texts[i].count ? hash_bytes(texts[i].start, texts[i].count) : 0;
    __builtin_prefetch(table->slots + first_slot(table, hashes[i]));
  }
  for (size_t i = 0; i < count; i++) {
    size_t slot = first_slot(table, hashes[i]);
    uint64_t word;
    while ((word = table->slots[slot]) && (word ^ hashes[i]) >> 32) slot = (slot + 1) & table->mask;
    candidates[i] = (uint32_t)word;
    if (word) __builtin_prefetch(table->entries + (uint32_t)word - 1);
  }
  for (size_t i = 0; i < count; i++)
    if (candidates[i])
      __builtin_prefetch(table->arena + table->entries[candidates[i] - 1].offset);
}

void hr_table_find(const hr_table *table, const hr_bytes *texts, size_t count, uint32_t *numbers) {
  uint64_t hashes[GROUP];
  size_t place;
  for (size_t start = 0; start < count; start += GROUP) {
    const size_t size = count - start < GROUP ? count - start : GROUP;
    fetch(table, texts + start, size, hashes);
    for (size_t i = 0; i < size; i++)
      numbers[start + i] = probe(table, texts[start + i], hashes[i], &place);
  }
}

void hr_table_insert(hr_table *table, const hr_bytes *texts, size_t count, const uint32_t *tags,
                     uint32_t *numbers, uint8_t *is_new) {
  uint64_t hashes[GROUP];
  size_t place;
  for (size_t start = 0; start < count; start += GROUP) {
    const size_t size = count - start < GROUP ? count - start : GROUP;
    fetch(table, texts + start, size, hashes);
    for (size_t i = 0; i < size; i++) {
      const hr_bytes text = texts[start + i];
      uint32_t number = probe(table, text, hashes[i], &place);
      is_new[start + i] = number == UINT32_MAX;
      if (is_new[start + i]) {
        number = (uint32_t)table->count++;
        if (text.count) memcpy(table->arena + table->byte_count, text.start, text.count);
        table->entries[number] =
            (hr_text){table->byte_count, (uint32_t)text.count, tags[start + i]};
        table->byte_count += text.count;
        table->slots[place] = (hashes[i] & 0xFFFFFFFF00000000ull) | (number + 1ull);
      }
      numbers[start + i] = number;
    }
  }
}

void hr_table_rehash(const uint64_t *slots, size_t count, hr_table *larger) {
  enum { AHEAD = 16 };
  for (size_t i = 0; i < count; i++) {
    if (i + AHEAD < count) __builtin_prefetch(larger->slots + first_slot(larger, slots[i + AHEAD]));
    if (!slots[i]) continue;
    size_t slot = first_slot(larger, slots[i]);
    while (larger->slots[slot]) slot = (slot + 1) & larger->mask;
    larger->slots[slot] = slots[i];
  }
}

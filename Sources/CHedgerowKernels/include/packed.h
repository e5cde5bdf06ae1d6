// Whole numbers of so many bits each, one behind the other, the lowest bit first: numbers below 2^20 take two
// bytes and a half.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// The number at a place, of 1 to 32 bits. Reads eight bytes from the one on in which it begins.
static inline uint32_t hr_unpack(const void *numbers, uint32_t bits, uint64_t place) {
  uint64_t first = place * bits, word;
  memcpy(&word, (const uint8_t *)numbers + (first >> 3), sizeof word);
  return (uint32_t)(word >> (first & 7) & (((uint64_t)1 << bits) - 1));
}

/// Where packing is: bits that do not fill a word of `out` yet.
typedef struct {
  uint64_t waiting;
  uint32_t waiting_bits; // below 32
} hr_packing;

/// Packs `count` numbers below 2^bits behind those that wait. Writes whole words of four bytes, at most one more than
/// these numbers have bits for, and returns how many bytes.
size_t hr_pack(uint8_t *out, const uint32_t *numbers, size_t count, uint32_t bits, hr_packing *packing);

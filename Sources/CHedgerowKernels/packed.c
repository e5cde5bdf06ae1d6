#include "packed.h"

size_t hr_pack(uint8_t *out, const uint32_t *numbers, size_t count, uint32_t bits, hr_packing *packing) {
  uint64_t waiting = packing->waiting;
  uint32_t waiting_bits = packing->waiting_bits;
  uint8_t *to = out;
  for (size_t i = 0; i < count; i++) {
    waiting |= (uint64_t)numbers[i] << waiting_bits;
    waiting_bits += bits;
    if (waiting_bits < 32) continue;
    uint32_t word = (uint32_t)waiting;
    memcpy(to, &word, sizeof word);
    to += sizeof word;
    waiting >>= 32;
    waiting_bits -= 32;
  }
  *packing = (hr_packing){waiting, waiting_bits};
  return (size_t)(to - out);
}

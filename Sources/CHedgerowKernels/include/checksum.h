#pragma once
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of `count` bytes, continuing from `crc` (0 to begin).
uint32_t hr_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same without the processor's instruction for it: what other processors run.
uint32_t hr_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

#define _GNU_SOURCE
#include "CHedgerowSystem.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { page_shift = 12, window = 512 };

void hr_advise_random(void *address, size_t byte_count) {
  if (byte_count) madvise(address, byte_count, MADV_RANDOM);
}

int64_t hr_major_faults(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_majflt : 0;
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

// Sorted pages go out in runs, so that neighbours cost one call.
static void advise(const void *base, uint64_t *pages, size_t count) {
  qsort(pages, count, sizeof *pages, by_value);
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    while (end < count && pages[end] <= pages[end - 1] + 1) end++;
    size_t from = pages[i] << page_shift, to = (pages[end - 1] + 1) << page_shift;
    madvise((char *)base + from, to - from, MADV_WILLNEED);
    i = end;
  }
}

size_t hr_will_need(const void *base, size_t section_offset, size_t section_byte_count,
                    uint64_t *resident, const uint64_t *offsets, size_t count, size_t width) {
  uint64_t pages[window];
  size_t waiting = 0, asked = 0;
  if (width == 0 || width > section_byte_count) return 0;
  for (size_t i = 0; i < count; i++) {
    if (offsets[i] > section_byte_count - width) continue;
    uint64_t page = (section_offset + offsets[i]) >> page_shift;
    uint64_t last = (section_offset + offsets[i] + width - 1) >> page_shift;
    for (; page <= last; page++) {
      uint64_t bit = 1ull << (page & 63);
      if (__atomic_load_n(&resident[page >> 6], __ATOMIC_RELAXED) & bit) continue;
      if (__atomic_fetch_or(&resident[page >> 6], bit, __ATOMIC_RELAXED) & bit) continue;
      pages[waiting++] = page;
      if (waiting == window) {
        advise(base, pages, waiting);
        asked += waiting;
        waiting = 0;
      }
    }
  }
  advise(base, pages, waiting);
  return asked + waiting;
}

void hr_forget_resident(uint64_t *resident, size_t word_count) {
  for (size_t i = 0; i < word_count; i++) __atomic_store_n(&resident[i], 0, __ATOMIC_RELAXED);
}

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

// Sorted addresses of pages go out in runs, so that neighbours cost one call.
static void advise(uint64_t *pages, size_t count) {
  qsort(pages, count, sizeof *pages, by_value);
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    while (end < count && pages[end] <= pages[end - 1] + 1) end++;
    madvise((void *)(pages[i] << page_shift), (pages[end - 1] + 1 - pages[i]) << page_shift,
            MADV_WILLNEED);
    i = end;
  }
}

static inline size_t will_need(const hr_window *windows, size_t window_count,
                               unsigned position_bits, size_t scale, size_t width,
                               const void *places, int wide, size_t count) {
  const uint64_t low = ((uint64_t)1 << position_bits) - 1;
  uint64_t pages[window];
  size_t waiting = 0, asked = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t place = wide ? ((const uint64_t *)places)[i] : ((const uint32_t *)places)[i];
    uint64_t number = place >> position_bits, offset = (place & low) * scale;
    if (number >= window_count) continue;
    const hr_window *w = &windows[number];
    if (width > w->byte_count || offset > w->byte_count - width) continue;
    for (uint64_t page = offset >> page_shift, last = (offset + width - 1) >> page_shift;
         page <= last; page++) {
      uint64_t bit = 1ull << (page & 63);
      if (__atomic_load_n(&w->resident[page >> 6], __ATOMIC_RELAXED) & bit) continue;
      if (__atomic_fetch_or(&w->resident[page >> 6], bit, __ATOMIC_RELAXED) & bit) continue;
      pages[waiting++] = ((uint64_t)w->start >> page_shift) + page;
      if (waiting == window) {
        advise(pages, waiting);
        asked += waiting;
        waiting = 0;
      }
    }
  }
  advise(pages, waiting);
  return asked + waiting;
}

size_t hr_will_need(const hr_window *windows, size_t window_count, unsigned position_bits,
                    size_t scale, size_t width, const void *places, size_t place_width,
                    size_t count) {
  if (width == 0) return 0;
  return place_width == 8
             ? will_need(windows, window_count, position_bits, scale, width, places, 1, count)
             : will_need(windows, window_count, position_bits, scale, width, places, 0, count);
}

void hr_forget_resident(uint64_t *resident, size_t word_count) {
  for (size_t i = 0; i < word_count; i++) __atomic_store_n(&resident[i], 0, __ATOMIC_RELAXED);
}

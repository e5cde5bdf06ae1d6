#define _GNU_SOURCE
#include "CHedgerowSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  page_shift = 12,
  window = 512,
  // Few pages between two that are wanted are read too: that takes less than another request.
  most_between = 3,
#ifdef MADV_PAGEOUT
  page_out = MADV_PAGEOUT,
#else
  page_out = 21,
#endif
#ifdef MADV_POPULATE_READ
  populate_read = MADV_POPULATE_READ
#else
  populate_read = 22
#endif
};

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
static void advise(uint64_t *pages, size_t count, int advice, uint64_t most_between) {
  qsort(pages, count, sizeof *pages, by_value);
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    while (end < count && pages[end] <= pages[end - 1] + 1 + most_between) end++;
    madvise((void *)(pages[i] << page_shift), (pages[end - 1] + 1 - pages[i]) << page_shift,
            advice);
    i = end;
  }
}

typedef struct {
  const hr_window *windows;
  size_t window_count;
  unsigned position_bits;
  const void *places;
  size_t count;
} rows;

// The window that the i-th row lies in, and the pages under it from `first` to `last`; NULL for a row that
// lies in none.
static inline const hr_window *find_row(const rows *r, int wide, size_t i, uint64_t *first,
                                        uint64_t *last) {
  const uint64_t low = ((uint64_t)1 << r->position_bits) - 1;
  uint64_t place = wide ? ((const uint64_t *)r->places)[i] : ((const uint32_t *)r->places)[i];
  uint64_t number = place >> r->position_bits;
  if (number >= r->window_count) return NULL;
  const hr_window *w = &r->windows[number];
  uint64_t offset = (place & low) * w->row_bits >> 3;
  if (w->width == 0 || w->width > w->byte_count || offset > w->byte_count - w->width) return NULL;
  *first = offset >> page_shift;
  *last = (offset + w->width - 1) >> page_shift;
  return w;
}

// Gives every page under the rows the advice: those that are asked for before and remembered are left
// out when it is to read them.
static inline size_t advise_rows(const rows *r, int wide, int advice) {
  const int reads = advice == MADV_WILLNEED;
  uint64_t pages[window];
  size_t waiting = 0, asked = 0;
  for (size_t i = 0; i < r->count; i++) {
    uint64_t page, last;
    const hr_window *w = find_row(r, wide, i, &page, &last);
    for (; w && page <= last; page++) {
      uint64_t bit = 1ull << (page & 63);
      if (reads && w->resident) {
        if (__atomic_load_n(&w->resident[page >> 6], __ATOMIC_RELAXED) & bit) continue;
        if (__atomic_fetch_or(&w->resident[page >> 6], bit, __ATOMIC_RELAXED) & bit) continue;
      } else if (w->resident) {
        __atomic_fetch_and(&w->resident[page >> 6], ~bit, __ATOMIC_RELAXED);
      }
      pages[waiting++] = ((uint64_t)w->start >> page_shift) + page;
      if (waiting == window) {
        advise(pages, waiting, advice, reads ? most_between : 0);
        asked += waiting;
        waiting = 0;
      }
    }
  }
  advise(pages, waiting, advice, reads ? most_between : 0);
  return asked + waiting;
}

static size_t advise_places(const rows *r, size_t place_width, int advice) {
  return place_width == 8 ? advise_rows(r, 1, advice) : advise_rows(r, 0, advice);
}

size_t hr_will_need(const hr_window *windows, size_t window_count, unsigned position_bits,
                    const void *places, size_t place_width, size_t count) {
  rows r = {windows, window_count, position_bits, places, count};
  return advise_places(&r, place_width, MADV_WILLNEED);
}

size_t hr_count_cold(const hr_window *windows, size_t window_count, unsigned position_bits,
                     const void *places, size_t place_width, size_t count) {
  rows r = {windows, window_count, position_bits, places, count};
  size_t cold = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t first, last;
    const hr_window *w = find_row(&r, place_width == 8, i, &first, &last);
    if (w && w->resident) cold += hr_count_cold_pages(w, first, last + 1);
  }
  return cold;
}

size_t hr_count_cold_pages(const hr_window *w, size_t first, size_t end) {
  size_t cold = 0;
  for (size_t page = first; page < end; page++)
    cold += !(__atomic_load_n(&w->resident[page >> 6], __ATOMIC_RELAXED) >> (page & 63) & 1);
  return cold;
}

void hr_mark_pages(const hr_window *w, size_t first, size_t end) {
  for (size_t page = first; page < end; page++)
    __atomic_fetch_or(&w->resident[page >> 6], 1ull << (page & 63), __ATOMIC_RELAXED);
}

// A mapping of its own: on the one that rows are read from, MADV_HUGEPAGE would make every later fault
// read 2 MiB, too. Without MADV_RANDOM the kernel reads ahead of the piece, and that in small pages.
int hr_load_range(const char *path, int64_t offset, size_t byte_count) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int code = 0;
  void *bytes = mmap(NULL, byte_count, PROT_READ, MAP_SHARED, fd, offset);
  if (bytes == MAP_FAILED) {
    code = errno;
  } else {
    hr_advise_random(bytes, byte_count);
    madvise(bytes, byte_count, MADV_HUGEPAGE);
    if (madvise(bytes, byte_count, populate_read) != 0) {
      code = errno;
      // Kernels before 5.14 do not know it.
      if (code == EINVAL) code = madvise(bytes, byte_count, MADV_WILLNEED) == 0 ? 0 : errno;
    }
    munmap(bytes, byte_count);
  }
  close(fd);
  return code;
}

void hr_release(const hr_window *windows, size_t window_count, unsigned position_bits,
                const void *places, size_t place_width, size_t count) {
  rows r = {windows, window_count, position_bits, places, count};
  advise_places(&r, place_width, page_out);
}

void hr_find_resident(const hr_window *w) {
  enum { pages = 1 << 14 };
  unsigned char *found = malloc(pages);
  if (!found) return;
  const size_t count = (w->byte_count + ((size_t)1 << page_shift) - 1) >> page_shift;
  for (size_t first = 0; first < count; first += pages) {
    const size_t part = count - first < pages ? count - first : pages;
    const char *start = (const char *)w->start + (first << page_shift);
    if (mincore((void *)start, part << page_shift, found) != 0) break;
    for (size_t i = 0; i < part; i++) {
      if (!(found[i] & 1)) continue;
      __atomic_fetch_or(&w->resident[(first + i) >> 6], 1ull << ((first + i) & 63),
                        __ATOMIC_RELAXED);
    }
  }
  free(found);
}

void hr_forget_resident(uint64_t *resident, size_t word_count) {
  for (size_t i = 0; i < word_count; i++) __atomic_store_n(&resident[i], 0, __ATOMIC_RELAXED);
}

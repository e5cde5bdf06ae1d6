#define _GNU_SOURCE
#include "CHedgerowSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Without liburing, of which these are three calls: not every machine has it.

enum {
  page = 4096,
  // Few pages between two that are wanted are read too: that takes less than another request.
  most_between = 3 * page,
};

// A stretch of pages under rows that follow each other, read by one request into the slot of its number.
typedef struct {
  uint64_t offset;
  uint32_t byte_count, needed;
  size_t first_row, end_row;
} piece;

struct hr_direct_reader {
  int ring;
  unsigned depth;
  size_t slot_byte_count;
  char *slots;
  piece *pieces;
  unsigned *free_slots, free_count;
  void *rings;
  size_t rings_byte_count;
  struct io_uring_sqe *entries;
  size_t entries_byte_count;
  unsigned *submission_head, *submission_tail, submission_mask, *submission_array;
  unsigned *completion_head, *completion_tail, completion_mask;
  struct io_uring_cqe *completions;
  // The kernel takes no more requests.
  int is_broken;
};

int hr_open_direct(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_DIRECT); }

void hr_direct_reader_destroy(hr_direct_reader *r) {
  if (!r) return;
  if (r->entries) munmap(r->entries, r->entries_byte_count);
  if (r->rings) munmap(r->rings, r->rings_byte_count);
  if (r->ring >= 0) close(r->ring);
  free(r->slots);
  free(r->pieces);
  free(r->free_slots);
  free(r);
}

static int map_rings(hr_direct_reader *r) {
  struct io_uring_params params = {0};
  r->ring = (int)syscall(__NR_io_uring_setup, r->depth, &params);
  if (r->ring < 0) return 0;
  // One mapping for both rings: kernels from 5.4 on; the read request is of 5.6.
  if (!(params.features & IORING_FEAT_SINGLE_MMAP)) return 0;
  size_t submissions = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t completions = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  r->rings_byte_count = submissions > completions ? submissions : completions;
  char *rings = mmap(NULL, r->rings_byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                     r->ring, IORING_OFF_SQ_RING);
  if (rings == MAP_FAILED) return 0;
  r->rings = rings;
  r->entries_byte_count = params.sq_entries * sizeof *r->entries;
  void *entries = mmap(NULL, r->entries_byte_count, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, r->ring, IORING_OFF_SQES);
  if (entries == MAP_FAILED) return 0;
  r->entries = entries;
  r->submission_head = (unsigned *)(rings + params.sq_off.head);
  r->submission_tail = (unsigned *)(rings + params.sq_off.tail);
  r->submission_mask = *(unsigned *)(rings + params.sq_off.ring_mask);
  r->submission_array = (unsigned *)(rings + params.sq_off.array);
  r->completion_head = (unsigned *)(rings + params.cq_off.head);
  r->completion_tail = (unsigned *)(rings + params.cq_off.tail);
  r->completion_mask = *(unsigned *)(rings + params.cq_off.ring_mask);
  r->completions = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
  return 1;
}

hr_direct_reader *hr_direct_reader_create(unsigned depth, size_t slot_byte_count) {
  hr_direct_reader *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->ring = -1;
  r->depth = depth;
  r->slot_byte_count = (slot_byte_count + page - 1) / page * page;
  r->slots = aligned_alloc(page, r->slot_byte_count * depth);
  r->pieces = malloc(depth * sizeof *r->pieces);
  r->free_slots = malloc(depth * sizeof *r->free_slots);
  if (!r->slots || !r->pieces || !r->free_slots || !map_rings(r)) {
    hr_direct_reader_destroy(r);
    return NULL;
  }
  // Few slots are used where there is little to read: a large page would take memory for all.
  madvise(r->slots, r->slot_byte_count * depth, MADV_NOHUGEPAGE);
  for (unsigned i = 0; i < depth; i++) r->free_slots[r->free_count++] = i;
  return r;
}

// The pages under the rows from `first` on, as many as lie close enough to be read at once.
static piece next_piece(const hr_direct_reader *r, const uint64_t *offsets, size_t width,
                        size_t first, size_t count) {
  uint64_t start = offsets[first] / page * page;
  uint64_t end = offsets[first] + width;
  size_t row = first + 1;
  for (; row < count; row++) {
    uint64_t row_end = offsets[row] + width;
    if (offsets[row] < offsets[row - 1]) break;
    if (offsets[row] / page * page > (end + page - 1) / page * page + most_between) break;
    if (row_end - start > r->slot_byte_count) break;
    end = row_end;
  }
  return (piece){.offset = start,
                 .byte_count = (uint32_t)((end - start + page - 1) / page * page),
                 .needed = (uint32_t)(end - start),
                 .first_row = first,
                 .end_row = row};
}

static void submit(hr_direct_reader *r, int fd, unsigned slot) {
  unsigned tail = *r->submission_tail, place = tail & r->submission_mask;
  struct io_uring_sqe *entry = &r->entries[place];
  memset(entry, 0, sizeof *entry);
  entry->opcode = IORING_OP_READ;
  entry->fd = fd;
  entry->addr = (uint64_t)(uintptr_t)(r->slots + slot * r->slot_byte_count);
  entry->len = r->pieces[slot].byte_count;
  entry->off = r->pieces[slot].offset;
  entry->user_data = slot;
  r->submission_array[place] = place;
  __atomic_store_n(r->submission_tail, tail + 1, __ATOMIC_RELEASE);
}

// What a request left out, of which signals and file systems make little use: 0, errno, or
// `hr_file_ended`.
static int complete(hr_direct_reader *r, int fd, unsigned slot, int32_t result) {
  if (result < 0 && result != -EINTR && result != -EAGAIN) return -result;
  const piece *p = &r->pieces[slot];
  size_t done = result > 0 ? (size_t)result : 0;
  while (done < p->needed) {
    if (done % page) return hr_file_ended;
    ssize_t more = pread(fd, r->slots + slot * r->slot_byte_count + done, p->byte_count - done,
                         (off_t)(p->offset + done));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return errno;
    if (more == 0) return hr_file_ended;
    done += (size_t)more;
  }
  return 0;
}

// Writes the rows of a piece that is there to their places.
static void copy_rows(const hr_direct_reader *r, unsigned slot, const uint64_t *offsets,
                      size_t width, char *rows, const uint32_t *places) {
  const piece *p = &r->pieces[slot];
  const char *bytes = r->slots + slot * r->slot_byte_count;
  for (size_t row = p->first_row; row < p->end_row; row++)
    memcpy(rows + (places ? places[row] : row) * width, bytes + (offsets[row] - p->offset), width);
}

// Hands over what was submitted and waits for some of what is under way: 0, or errno.
static int enter(hr_direct_reader *r, unsigned waiting, unsigned wanted) {
  long taken =
      syscall(__NR_io_uring_enter, r->ring, waiting, wanted, IORING_ENTER_GETEVENTS, NULL, 0);
  return taken >= 0 || errno == EINTR || errno == EAGAIN || errno == EBUSY ? 0 : errno;
}

int hr_direct_read(hr_direct_reader *r, int fd, const uint64_t *offsets, size_t width, size_t count,
                   void *rows, const uint32_t *places) {
  if (width == 0) return 0;
  if (r->is_broken || width + page - 1 > r->slot_byte_count) return EINVAL;
  size_t next = 0;
  unsigned under_way = 0;
  int code = 0;
  while (under_way > 0 || (next < count && !code)) {
    for (; r->free_count > 0 && next < count && !code; under_way++) {
      unsigned slot = r->free_slots[--r->free_count];
      r->pieces[slot] = next_piece(r, offsets, width, next, count);
      next = r->pieces[slot].end_row;
      submit(r, fd, slot);
    }
    // What the kernel did not take yet stays in the ring, and it takes it at the next call.
    unsigned waiting = *r->submission_tail - __atomic_load_n(r->submission_head, __ATOMIC_ACQUIRE);
    if (r->is_broken) {
      // What it did take still arrives in the slots.
      if (under_way == waiting) break;
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    } else {
      int failed = enter(r, waiting, next < count && under_way == r->depth ? r->depth / 4 : 1);
      r->is_broken = failed != 0;
      if (failed && !code) code = failed;
    }
    unsigned head = *r->completion_head;
    unsigned tail = __atomic_load_n(r->completion_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
      const struct io_uring_cqe *completion = &r->completions[head & r->completion_mask];
      unsigned slot = (unsigned)completion->user_data;
      int failed = complete(r, fd, slot, completion->res);
      if (failed && !code) code = failed;
      if (!failed) copy_rows(r, slot, offsets, width, rows, places);
      r->free_slots[r->free_count++] = slot;
      under_way--;
    }
    __atomic_store_n(r->completion_head, head, __ATOMIC_RELEASE);
  }
  return code;
}

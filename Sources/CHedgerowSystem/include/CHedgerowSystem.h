// What Swift's Glibc does not show: locks on open files, advice to the page cache, atomic renames.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Locks the open file: 0, or errno (EWOULDBLOCK when somebody else has it).
int hr_lock(int fd, int exclusive);

/// Lets go of the lock at once, for every copy of the descriptor.
void hr_unlock(int fd);

/// Renames without ever replacing: 0, or errno (EEXIST when `to` is there).
int hr_rename_new(const char *from, const char *to);

/// Drops the file's clean pages from the page cache.
void hr_drop_cache(int fd);

/// Starts to write the range back to the device without waiting, so that dirty pages stay few.
void hr_start_writeback(int fd, int64_t offset, int64_t byte_count);

/// Tells the kernel that the mapping is read at random places: no read-ahead.
void hr_advise_random(void *address, size_t byte_count);

/// A section of a mapping, for read-ahead. It begins on a page boundary. `resident` has one bit for
/// each of its pages: asked for already; without it nothing is remembered. Its rows are `row_bits` bits apart;
/// `width` bytes are read of each.
typedef struct {
  const void *start;
  size_t byte_count;
  uint64_t *resident;
  size_t row_bits, width;
} hr_window;

/// Starts reading the pages under the row at each place, but for those that were asked for
/// before; marks them. A place is a window's number in the bits from `position_bits` up, and below
/// a row's. `places` are `count` words of 4 or 8 bytes (`place_width`).
/// Neighbouring pages go as one request. Places outside their window are left out. Returns the
/// number of pages asked for.
size_t hr_will_need(const hr_window *windows, size_t window_count, unsigned position_bits,
                    const void *places, size_t place_width, size_t count);

/// Of the pages that `hr_will_need` would ask for, how many; marks none.
size_t hr_count_cold(const hr_window *windows, size_t window_count, unsigned position_bits,
                     const void *places, size_t place_width, size_t count);

/// Of the pages from `first` to `end` of a window that remembers, those that are not marked.
size_t hr_count_cold_pages(const hr_window *window, size_t first, size_t end);

/// Marks the pages from `first` to `end` of a window that remembers.
void hr_mark_pages(const hr_window *window, size_t first, size_t end);

/// Reads a stretch of a file into the page cache, in pages as large as its file system has them: returns
/// when it is there, or after it was asked for where the kernel cannot say. `offset` is a multiple of
/// the size of a page. 0, or errno.
int hr_load_range(const char *path, int64_t offset, size_t byte_count);

/// Gives back the memory of the pages under rows at such places, as far as the kernel lets it go:
/// whoever streams through rows keeps others in memory by it.
void hr_release(const hr_window *windows, size_t window_count, unsigned position_bits,
                const void *places, size_t place_width, size_t count);

/// Reads scattered rows of files past the page cache, many at a time (io_uring). One thread at a time.
typedef struct hr_direct_reader hr_direct_reader;

enum { hr_file_ended = -1 };

/// A reader with `depth` requests under way, a power of two, each of up to `slot_byte_count` bytes; NULL where
/// the kernel does not offer it. Memory: depth * slot_byte_count.
hr_direct_reader *hr_direct_reader_create(unsigned depth, size_t slot_byte_count);

void hr_direct_reader_destroy(hr_direct_reader *reader);

/// Opens a file whose reads are not kept in the page cache: a descriptor, or -1 and errno.
int hr_open_direct(const char *path);

/// Reads the `width` bytes at each offset of a file that was opened so into `rows`, one row after the other, or
/// the one at offset i as row `places[i]`, which are NULL or the caller's to keep within `rows`.
/// Rows that lie close together and rise are read as one. Returns when all are there: 0, errno, or
/// `hr_file_ended`; EINVAL where the file system has no such reads, or a row is larger than a slot less a
/// page.
int hr_direct_read(hr_direct_reader *reader, int fd, const uint64_t *offsets, size_t width,
                   size_t count, void *rows, const uint32_t *places);

/// Page faults of this process that waited for storage.
int64_t hr_major_faults(void);

/// Gives the place of a range of the file on the disk back, where the file system can; it reads as zeros.
void hr_release_range(int fd, int64_t offset, int64_t byte_count);

/// Makes the file longer by a range at its end, with a place on the disk where the file system gives one: 0,
/// or errno.
int hr_make_room(int fd, int64_t offset, int64_t byte_count);

/// Bytes free for this user on the file system that holds `path`, or -1.
int64_t hr_free_space(const char *path);

/// Marks the pages of a window that are in the page cache. The kernel tells the truth of files that the
/// caller may write, and says of others that all are.
void hr_find_resident(const hr_window *window);

/// Clears `word_count` words of a bitmap that `hr_will_need` may be setting at the same time.
void hr_forget_resident(uint64_t *resident, size_t word_count);

/// Returns heap blocks of at least so many bytes to the system when they are freed, and what is free at the end of
/// a heap from eight times as many; all threads share so many heaps.
void hr_keep_heap_small(int large_byte_count, int arena_count);

/// Makes `to`, an empty file, a copy of `from` that shares its blocks until one of them changes: 0,
/// or errno where the file system cannot.
int hr_share_blocks(int from, int to);

/// Copies up to `byte_count` bytes from where both files stand, in the kernel where it can: how many,
/// 0 at the end, or -errno.
int64_t hr_copy_bytes(int from, int to, size_t byte_count);

/// Takes down that a file is mapped, so that a fault there can name it. Any thread.
void hr_note_mapping(const void *start, size_t byte_count, const char *path);

/// Forgets a mapping that was taken down; call it before the memory is unmapped.
void hr_forget_mapping(const void *start, size_t byte_count);

/// From now on a fault in a mapped file, whose bytes are not there any more, ends the process with
/// `status` and one line on standard error that names the file: `prefix`, its path, what happened.
/// For programs; a library leaves the signal alone.
void hr_exit_on_lost_mapping(const char *prefix, int status);

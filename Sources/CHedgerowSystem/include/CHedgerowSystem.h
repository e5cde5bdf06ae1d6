// What Swift's Glibc does not show: locks on open files, advice to the page cache, atomic renames.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Locks the open file: 0, or errno (EWOULDBLOCK when somebody else has it).
int hr_lock(int fd, int exclusive);

/// Renames without ever replacing: 0, or errno (EEXIST when `to` is there).
int hr_rename_new(const char *from, const char *to);

/// Drops the file's clean pages from the page cache.
void hr_drop_cache(int fd);

/// Starts to write the range back to the device without waiting, so that dirty pages stay few.
void hr_start_writeback(int fd, int64_t offset, int64_t byte_count);

/// Tells the kernel that the mapping is read at random places: no read-ahead.
void hr_advise_random(void *address, size_t byte_count);

/// Starts reading the pages that hold `width` bytes at each of the `count` byte offsets into a
/// section of a mapping, but for those that `resident` (one bit for each page of the mapping, set
/// here) says were asked for before. The section begins on a page boundary, `section_offset` bytes
/// into the mapping. Neighbouring pages go as one request. Offsets beyond `section_byte_count` are
/// left out. Returns the number of pages asked for.
size_t hr_will_need(const void *base, size_t section_offset, size_t section_byte_count,
                    uint64_t *resident, const uint64_t *offsets, size_t count, size_t width);

/// Page faults of this process that waited for storage.
int64_t hr_major_faults(void);

/// Bytes free for this user on the file system that holds `path`, or -1.
int64_t hr_free_space(const char *path);

/// Clears `word_count` words of a bitmap that `hr_will_need` may be setting at the same time.
void hr_forget_resident(uint64_t *resident, size_t word_count);

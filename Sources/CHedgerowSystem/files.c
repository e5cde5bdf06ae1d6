#define _GNU_SOURCE
#include "CHedgerowSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

int hr_lock(int fd, int exclusive) {
  int result;
  do result = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

void hr_unlock(int fd) { flock(fd, LOCK_UN); }

int hr_rename_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without the flag: link count tricks do not work for directories, so look first.
  if (access(to, F_OK) == 0) return EEXIST;
  return rename(from, to) == 0 ? 0 : errno;
}

void hr_drop_cache(int fd) { posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

void hr_start_writeback(int fd, int64_t offset, int64_t byte_count) {
  sync_file_range(fd, offset, byte_count, SYNC_FILE_RANGE_WRITE);
}

int hr_make_room(int fd, int64_t offset, int64_t byte_count) {
  if (fallocate(fd, 0, offset, byte_count) == 0) return 0;
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return errno;
  return ftruncate(fd, offset + byte_count) == 0 ? 0 : errno;
}

void hr_release_range(int fd, int64_t offset, int64_t byte_count) {
  fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, byte_count);
}

int64_t hr_free_space(const char *path) {
  struct statvfs fs;
  if (statvfs(path, &fs) != 0) return -1;
  return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

void hr_keep_heap_small(int large_byte_count, int arena_count) {
  mallopt(M_MMAP_THRESHOLD, large_byte_count);
  mallopt(M_TRIM_THRESHOLD, 8 * large_byte_count);
  mallopt(M_ARENA_MAX, arena_count);
}

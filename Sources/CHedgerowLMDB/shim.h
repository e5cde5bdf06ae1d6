// The only place that names this library's header.
#pragma once
#include <lmdb.h>

#include <sys/syscall.h>
#include <unistd.h>

/// Gives the file's space in a range back, where it reads as zeros then: 0, or -1 where the file
/// system cannot.
static inline int hr_punch_hole(int fd, long offset, long byte_count) {
  enum { keep_size = 1, punch_hole = 2 };
  return (int)syscall(SYS_fallocate, fd, keep_size | punch_hole, offset, byte_count);
}

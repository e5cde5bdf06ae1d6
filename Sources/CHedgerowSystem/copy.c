#define _GNU_SOURCE
#include "CHedgerowSystem.h"
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

int hr_share_blocks(int from, int to) { return ioctl(to, FICLONE, from) == 0 ? 0 : errno; }

// Where the kernel cannot copy between two file systems.
static int64_t read_and_write(int from, int to, size_t byte_count) {
  static _Thread_local char buffer[1 << 18];
  size_t wanted = byte_count < sizeof buffer ? byte_count : sizeof buffer;
  ssize_t got;
  do got = read(from, buffer, wanted);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  for (ssize_t done = 0; done < got;) {
    ssize_t written = write(to, buffer + done, got - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    done += written;
  }
  return got;
}

int64_t hr_copy_bytes(int from, int to, size_t byte_count) {
  ssize_t copied;
  do copied = copy_file_range(from, NULL, to, NULL, byte_count, 0);
  while (copied < 0 && errno == EINTR);
  if (copied > 0) return copied;
  if (copied < 0 && errno != EXDEV && errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP &&
      errno != EPERM)
    return -errno;
  // Some file systems say 0 where they cannot.
  return read_and_write(from, to, byte_count);
}

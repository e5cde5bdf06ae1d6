// Sees the calls that a process makes on files, in their one true order, from outside of it:
//
//   clang -O2 -shared -fPIC -o faults.so faults.c
//   LD_PRELOAD=./faults.so HEDGEROW_FAULTS_ROOT=DIRECTORY HEDGEROW_FAULTS_LOG=FILE program ...
//
// Only files below the root count. With a log, every call that changes one is written to it with its
// data, when it has returned: see `struct record`. Or one call fails:
//
//   HEDGEROW_FAULTS_COUNT   a file of `struct count`, 4096 bytes: how many calls there were
//   HEDGEROW_FAULTS_ONLY    the name of a call, as "fdatasync": others do not count
//   HEDGEROW_FAULTS_AT      the number of the first call that fails, from 1
//   HEDGEROW_FAULTS_TIMES   how many fail from there on (1)
//   HEDGEROW_FAULTS_AS      EIO, ENOSPC, EINTR, short (half of a write is done), or late (the call
//                           is done, and says EIO)
//
// A call that cannot fail in this way is counted and goes through. What changes a file unseen - a
// shared writable mapping, a copy inside the kernel - is logged as such, but for LMDB's lock.mdb,
// which holds nothing that lasts.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The system's own call: `syscall` is one of those that are seen here.
static long (*real_call(void))(long, ...) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real;
}
#define raw_call (*real_call())

// MARK: What is written

enum operation {
  op_make_file = 1,   // path, file
  op_make_directory,  // path, file
  op_write,           // file, offset, data; synchronous
  op_resize,          // file, offset: the new size
  op_sync,            // file
  op_link,            // path, other
  op_rename,          // path, other
  op_exchange,        // path, other
  op_remove,          // path
  op_mark,            // offset: the number
  op_unseen,          // path: what, and where
};

// Little-endian, followed by path, other and data.
struct record {
  uint32_t operation;
  uint32_t synchronous;
  uint64_t file;  // inode
  int64_t offset;
  uint32_t path_length, other_length;
  uint64_t data_length;
};

struct count {
  uint64_t calls, failures;
  char failed[240];  // the first call that failed: its name, and the path or descriptor's path
};

static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static struct count *counts;
static const char *only;
static uint64_t fail_at, fail_times;
enum failure { fail_eio = 1, fail_enospc, fail_eintr, fail_short, fail_late };
static enum failure fail_as;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

// What is known of an open file below the root.
struct open_file {
  uint64_t inode;
  uint8_t is_tracked, is_synchronous, is_lock;
};
enum { file_limit = 1 << 16 };
static struct open_file files[file_limit];

static struct open_file *tracked(int fd) {
  return root_length && fd >= 0 && fd < file_limit && files[fd].is_tracked ? &files[fd] : NULL;
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("HEDGEROW_FAULTS_ROOT");
  if (!text || !realpath(text, root)) return;
  if ((text = getenv("HEDGEROW_FAULTS_LOG"))) {
    int fd = (int)raw_call(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log_file = fd < 0 ? -1 : (int)raw_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
    raw_call(SYS_close, fd);
    if (log_file < 0) abort();
  }
  if ((text = getenv("HEDGEROW_FAULTS_COUNT"))) {
    int fd = (int)raw_call(SYS_openat, AT_FDCWD, text, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) abort();
    void *place =
        (void *)raw_call(SYS_mmap, NULL, sizeof *counts, (long)(PROT_READ | PROT_WRITE),
                        (long)MAP_SHARED, (long)fd, 0L);
    raw_call(SYS_close, fd);
    if (place == MAP_FAILED) abort();
    counts = place;
  }
  if ((text = getenv("HEDGEROW_FAULTS_ONLY"))) only = strdup(text);
  if ((text = getenv("HEDGEROW_FAULTS_AT"))) fail_at = strtoull(text, NULL, 10);
  text = getenv("HEDGEROW_FAULTS_TIMES");
  fail_times = text ? strtoull(text, NULL, 10) : 1;
  text = getenv("HEDGEROW_FAULTS_AS");
  if (!text || !strcmp(text, "EIO")) fail_as = fail_eio;
  else if (!strcmp(text, "ENOSPC")) fail_as = fail_enospc;
  else if (!strcmp(text, "EINTR")) fail_as = fail_eintr;
  else if (!strcmp(text, "short")) fail_as = fail_short;
  else if (!strcmp(text, "late")) fail_as = fail_late;
  else abort();
  root_length = strlen(root);
}

// The order of the log is that of the calls: nobody else's call runs until this one is written down.
static void enter(void) {
  if (!root_length) return;
  pthread_mutex_lock(&order);
  if (log_file >= 0) raw_call(SYS_flock, log_file, LOCK_EX);
}

static void leave(void) {
  if (!root_length) return;
  int code = errno;
  if (log_file >= 0) raw_call(SYS_flock, log_file, LOCK_UN);
  pthread_mutex_unlock(&order);
  errno = code;
}

static void put(const void *bytes, size_t count) {
  while (count > 0) {
    ssize_t done = raw_call(SYS_write, log_file, bytes, count);
    if (done <= 0) abort();
    bytes = (const char *)bytes + done;
    count -= (size_t)done;
  }
}

static void note_data(enum operation operation, int synchronous, uint64_t file, int64_t offset,
                      const char *path, const char *other, const struct iovec *parts,
                      size_t byte_count) {
  if (log_file < 0) return;
  int code = errno;
  struct record record = {
      .operation = operation, .synchronous = (uint32_t)synchronous, .file = file, .offset = offset,
      .path_length = path ? (uint32_t)strlen(path) : 0,
      .other_length = other ? (uint32_t)strlen(other) : 0, .data_length = byte_count};
  put(&record, sizeof record);
  if (path) put(path, record.path_length);
  if (other) put(other, record.other_length);
  for (; byte_count > 0; parts++) {
    size_t part = parts->iov_len < byte_count ? parts->iov_len : byte_count;
    put(parts->iov_base, part);
    byte_count -= part;
  }
  errno = code;
}

static void note(enum operation operation, uint64_t file, int64_t offset, const char *path,
                 const char *other) {
  note_data(operation, 0, file, offset, path, other, NULL, 0);
}

static void note_unseen(const char *call, int fd) {
  char name[64], path[PATH_MAX], text[PATH_MAX + 64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t count = readlink(name, path, sizeof path - 1);
  path[count < 0 ? 0 : count] = 0;
  snprintf(text, sizeof text, "%s of %s", call, path);
  note(op_unseen, 0, 0, text, NULL);
}

/// For the program itself, by dlsym: a place in the log.
void hedgerow_faults_mark(int64_t number) {
  enter();
  note(op_mark, 0, number, NULL, NULL);
  leave();
}

// MARK: Where

// The path below the root that a call names, or 0. The last part is not followed.
static int resolve(int directory, const char *path, char out[PATH_MAX]) {
  if (!root_length || !path || !*path) return 0;
  char full[PATH_MAX], parent[PATH_MAX];
  if (*path == '/') {
    if (snprintf(full, sizeof full, "%s", path) >= (int)sizeof full) return 0;
  } else {
    char base[PATH_MAX];
    if (directory == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      char name[64];
      snprintf(name, sizeof name, "/proc/self/fd/%d", directory);
      ssize_t count = readlink(name, base, sizeof base - 1);
      if (count < 0) return 0;
      base[count] = 0;
    }
    if (snprintf(full, sizeof full, "%s/%s", base, path) >= (int)sizeof full) return 0;
  }
  size_t length = strlen(full);
  while (length > 1 && full[length - 1] == '/') full[--length] = 0;
  char *slash = strrchr(full, '/');
  const char *last = slash + 1;
  if (!*last || !strcmp(last, ".") || !strcmp(last, "..")) {
    if (!realpath(full, out)) return 0;
  } else {
    int code = errno;
    *slash = 0;
    if (!realpath(*full ? full : "/", parent)) {
      errno = code;
      return 0;
    }
    if (snprintf(out, PATH_MAX, "%s/%s", strcmp(parent, "/") ? parent : "", last) >= PATH_MAX)
      return 0;
  }
  if (strncmp(out, root, root_length) || (out[root_length] && out[root_length] != '/')) return 0;
  memmove(out, out + root_length, strlen(out + root_length) + 1);
  return 1;
}

static uint64_t inode_of(int directory, const char *path) {
  struct stat info;
  return raw_call(SYS_newfstatat, directory, path, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_ino : 0;
}

static void track(int fd, const char *path, int flags) {
  struct stat info;
  if (fd < 0) return;
  if (fd >= file_limit || fstat(fd, &info) != 0) abort();
  const char *slash = strrchr(path, '/');
  files[fd] = (struct open_file){
      .inode = info.st_ino, .is_tracked = 1, .is_synchronous = (flags & O_DSYNC) != 0,
      .is_lock = slash && !strcmp(slash, "/lock.mdb")};
}

// MARK: Failing

enum { may_eio = 1, may_enospc = 2, may_eintr = 4, may_short = 8, may_late = 16 };

// Counts a call below the root; what it is to do.
static enum failure count_call(const char *call, const char *path, int fd, int may) {
  if (!counts || (only && strcmp(only, call))) return 0;
  uint64_t number = __atomic_add_fetch(&counts->calls, 1, __ATOMIC_RELAXED);
  if (!fail_at || number < fail_at || number - fail_at >= fail_times) return 0;
  if (!(may & 1 << (fail_as - 1))) return 0;
  if (__atomic_add_fetch(&counts->failures, 1, __ATOMIC_RELAXED) == 1) {
    char name[64], of_fd[PATH_MAX];
    if (!path) {
      snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
      ssize_t count = readlink(name, of_fd, sizeof of_fd - 1);
      of_fd[count < 0 ? 0 : count] = 0;
      path = !strncmp(of_fd, root, root_length) ? of_fd + root_length : of_fd;
    }
    snprintf(counts->failed, sizeof counts->failed, "%s %s", call, path);
  }
  errno = fail_as == fail_enospc ? ENOSPC : fail_as == fail_eintr ? EINTR : EIO;
  return fail_as;
}

// The end of a call that may have to say that it failed, though it did not.
#define finish(failure, result, failed) \
  do { \
    leave(); \
    if ((failure) == fail_late) { \
      errno = EIO; \
      return failed; \
    } \
    return result; \
  } while (0)

// MARK: Opening and closing

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  char place[PATH_MAX];
  if (!resolve(directory, path, place)) return (int)raw_call(SYS_openat, directory, path, flags, mode);
  enter();
  int creates = (flags & O_CREAT) != 0;
  uint64_t before = inode_of(directory, path);
  enum failure failure = count_call(
      creates && !before ? "create" : "open", place, -1,
      may_eio | may_eintr | (creates && !before ? may_enospc : 0));
  if (failure) finish(failure, -1, -1);
  int fd = (int)raw_call(SYS_openat, directory, path, flags, mode);
  if (fd >= 0) {
    track(fd, place, flags);
    if (creates && !before) {
      note(op_make_file, files[fd].inode, 0, place, NULL);
    } else if (flags & O_TRUNC) {
      note(op_resize, files[fd].inode, 0, NULL, NULL);
    }
  }
  leave();
  return fd;
}

#define mode_argument(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list arguments; \
    va_start(arguments, flags); \
    mode = (mode_t)va_arg(arguments, int); \
    va_end(arguments); \
  }

int open(const char *path, int flags, ...) {
  mode_argument(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  mode_argument(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
  mode_argument(flags);
  return open_at(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
  mode_argument(flags);
  return open_at(directory, path, flags, mode);
}
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int directory, const char *path, int flags) {
  return open_at(directory, path, flags, 0);
}
int __openat64_2(int directory, const char *path, int flags) {
  return open_at(directory, path, flags, 0);
}
int creat(const char *path, mode_t mode) {
  return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
  if (!tracked(fd)) return (int)raw_call(SYS_close, fd);
  enter();
  files[fd].is_tracked = 0;
  int result = (int)raw_call(SYS_close, fd);
  leave();
  return result;
}

static int copied(int from, int to) {
  if (to >= 0 && to < file_limit) {
    struct open_file *file = tracked(from);
    files[to] = file ? *file : (struct open_file){0};
  }
  return to;
}
int dup(int fd) { return copied(fd, (int)raw_call(SYS_dup, fd)); }
int dup2(int fd, int to) {
  if (fd == to) return (int)raw_call(SYS_dup2, fd, to);
  return copied(fd, (int)raw_call(SYS_dup2, fd, to));
}
int dup3(int fd, int to, int flags) { return copied(fd, (int)raw_call(SYS_dup3, fd, to, flags)); }

static int control(int fd, int command, void *argument) {
  int result = (int)raw_call(SYS_fcntl, fd, command, argument);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) copied(fd, result);
  return result;
}
int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return control(fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return control(fd, command, argument);
}

// MARK: Reading

DIR *opendir(const char *path) {
  static DIR *(*next)(const char *);
  if (!next) next = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
  char place[PATH_MAX];
  if (resolve(AT_FDCWD, path, place) && count_call("opendir", place, -1, may_eio)) return NULL;
  return next(path);
}

static ssize_t read_bytes(int fd, void *bytes, size_t count, int64_t offset) {
  if (tracked(fd)) {
    if (count_call("read", NULL, fd, may_eio | may_eintr)) return -1;
  }
  return offset < 0 ? raw_call(SYS_read, fd, bytes, count)
                    : raw_call(SYS_pread64, fd, bytes, count, offset);
}
ssize_t read(int fd, void *bytes, size_t count) { return read_bytes(fd, bytes, count, -1); }
ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
  return read_bytes(fd, bytes, count, offset);
}
ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
  return read_bytes(fd, bytes, count, offset);
}
ssize_t __read_chk(int fd, void *bytes, size_t count, size_t size) {
  if (size < count) abort();
  return read_bytes(fd, bytes, count, -1);
}
ssize_t __pread_chk(int fd, void *bytes, size_t count, off_t offset, size_t size) {
  if (size < count) abort();
  return read_bytes(fd, bytes, count, offset);
}
ssize_t __pread64_chk(int fd, void *bytes, size_t count, off64_t offset, size_t size) {
  if (size < count) abort();
  return read_bytes(fd, bytes, count, offset);
}

static void *map(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  struct open_file *file = flags & MAP_ANONYMOUS ? NULL : tracked(fd);
  if (file) {
    if (count_call("mmap", NULL, fd, may_eio)) {
      errno = ENOMEM;
      return MAP_FAILED;
    }
    if ((protection & PROT_WRITE) && (flags & MAP_SHARED) && !file->is_lock) {
      enter();
      note_unseen("a writable mapping", fd);
      leave();
    }
  }
  return (void *)raw_call(
      SYS_mmap, address, length, (long)protection, (long)flags, (long)fd, (long)offset);
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return map(address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  return map(address, length, protection, flags, fd, offset);
}

// MARK: Writing

// At the file's own place when `offset` is negative.
static ssize_t write_parts(int fd, const struct iovec *parts, int count, int64_t offset) {
  struct open_file *file = tracked(fd);
  size_t total = 0;
  for (int index = 0; index < count; index++) total += parts[index].iov_len;
  if (!file) {
    if (count == 1)
      return offset < 0 ? raw_call(SYS_write, fd, parts->iov_base, total)
                        : raw_call(SYS_pwrite64, fd, parts->iov_base, total, offset);
    return offset < 0 ? raw_call(SYS_writev, fd, parts, count)
                      : raw_call(SYS_pwritev, fd, parts, count, offset, 0L);
  }
  enter();
  enum failure failure = count_call(
      file->is_synchronous ? "synchronous write" : "write", NULL, fd,
      may_eio | may_enospc | may_eintr | may_short | (file->is_synchronous ? may_late : 0));
  if (failure && failure != fail_short && failure != fail_late) finish(failure, -1, -1);
  size_t wanted = failure == fail_short && total > 1 ? total / 2 : total;
  // One call where one was made; half of one is its first half, part by part.
  ssize_t done = 0;
  if (wanted == total && count > 1) {
    done = offset < 0 ? raw_call(SYS_writev, fd, parts, count)
                      : raw_call(SYS_pwritev, fd, parts, count, offset, 0L);
  } else {
    for (int index = 0; index < count && (size_t)done < wanted; index++) {
      size_t part = wanted - (size_t)done;
      if (part > parts[index].iov_len) part = parts[index].iov_len;
      ssize_t now = offset < 0 ? raw_call(SYS_write, fd, parts[index].iov_base, part)
                               : raw_call(SYS_pwrite64, fd, parts[index].iov_base, part, offset + done);
      if (now < 0) {
        if (done == 0) done = -1;
        break;
      }
      done += now;
      if ((size_t)now < part) break;
    }
  }
  if (done > 0 && !file->is_lock) {
    int64_t place = offset < 0 ? raw_call(SYS_lseek, fd, 0, SEEK_CUR) - done : offset;
    note_data(op_write, file->is_synchronous, file->inode, place, NULL, NULL, parts, (size_t)done);
  }
  finish(failure, done, -1);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  struct iovec part = {(void *)bytes, count};
  return write_parts(fd, &part, 1, -1);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  struct iovec part = {(void *)bytes, count};
  return write_parts(fd, &part, 1, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  return pwrite(fd, bytes, count, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_parts(fd, parts, count, -1);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return write_parts(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_parts(fd, parts, count, offset);
}

static int resize(int fd, off_t size) {
  struct open_file *file = tracked(fd);
  if (!file) return (int)raw_call(SYS_ftruncate, fd, size);
  enter();
  enum failure failure = count_call("ftruncate", NULL, fd, may_eio | may_enospc | may_eintr);
  if (failure) finish(failure, -1, -1);
  int result = (int)raw_call(SYS_ftruncate, fd, size);
  if (result == 0) note(op_resize, file->inode, size, NULL, NULL);
  leave();
  return result;
}
int ftruncate(int fd, off_t size) { return resize(fd, size); }
int ftruncate64(int fd, off64_t size) { return resize(fd, size); }

static int allocate(int fd, int mode, off_t offset, off_t length) {
  struct open_file *file = tracked(fd);
  if (!file) return (int)raw_call(SYS_fallocate, fd, mode, offset, length);
  enter();
  enum failure failure = count_call("fallocate", NULL, fd, may_eio | may_enospc | may_eintr);
  if (failure) finish(failure, -1, -1);
  struct stat before, after;
  fstat(fd, &before);
  int result = (int)raw_call(SYS_fallocate, fd, mode, offset, length);
  if (result == 0) {
    fstat(fd, &after);
    if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
      // A hole reads as zeros, as if they had been written.
      size_t count = offset >= after.st_size          ? 0
                     : offset + length < after.st_size ? (size_t)length
                                                       : (size_t)(after.st_size - offset);
      struct iovec zeros = {calloc(count ? count : 1, 1), count};
      if (!zeros.iov_base) abort();
      note_data(op_write, 0, file->inode, offset, NULL, NULL, &zeros, count);
      free(zeros.iov_base);
    } else if (mode & ~FALLOC_FL_KEEP_SIZE) {
      note_unseen("fallocate with a mode", fd);
    } else if (after.st_size != before.st_size) {
      note(op_resize, file->inode, after.st_size, NULL, NULL);
    }
  }
  leave();
  return result;
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  return allocate(fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return allocate(fd, mode, offset, length);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
  int code = errno;
  int result = allocate(fd, 0, offset, length) == 0 ? 0 : errno;
  errno = code;
  return result;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return posix_fallocate(fd, offset, length);
}

static int sync_file(int fd, long number, const char *call) {
  struct open_file *file = tracked(fd);
  if (!file) return (int)raw_call(number, fd);
  enter();
  enum failure failure =
      count_call(call, NULL, fd, may_eio | may_enospc | may_eintr | may_late);
  if (failure && failure != fail_late) finish(failure, -1, -1);
  // Nobody pulls the plug here: that the data is there is enough.
  int result = log_file >= 0 || counts ? 0 : (int)raw_call(number, fd);
  if (result == 0) note(op_sync, file->inode, 0, NULL, NULL);
  finish(failure, result, -1);
}
int fsync(int fd) { return sync_file(fd, SYS_fsync, "fsync"); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync, "fdatasync"); }

// Makes nothing durable: the device may still hold it, and the file's size is not written.
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  if (tracked(fd) && count_call("sync_file_range", NULL, fd, may_eio)) return -1;
  return (int)raw_call(SYS_sync_file_range, fd, offset, length, flags);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t count,
                        unsigned flags) {
  ssize_t done = raw_call(SYS_copy_file_range, from, from_offset, to, to_offset, count,
                         (long)flags);
  if (done > 0 && tracked(to)) {
    enter();
    note_unseen("copy_file_range", to);
    leave();
  }
  return done;
}
ssize_t sendfile(int to, int from, off_t *offset, size_t count) {
  ssize_t done = raw_call(SYS_sendfile, to, from, offset, count);
  if (done > 0 && tracked(to)) {
    enter();
    note_unseen("sendfile", to);
    leave();
  }
  return done;
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
  return sendfile(to, from, offset, count);
}

// MARK: Names

static int make_directory(int directory, const char *path, mode_t mode) {
  char place[PATH_MAX];
  if (!resolve(directory, path, place)) return (int)raw_call(SYS_mkdirat, directory, path, mode);
  enter();
  enum failure failure = count_call("mkdir", place, -1, may_eio | may_enospc);
  if (failure) finish(failure, -1, -1);
  int result = (int)raw_call(SYS_mkdirat, directory, path, mode);
  if (result == 0) note(op_make_directory, inode_of(directory, path), 0, place, NULL);
  leave();
  return result;
}
int mkdir(const char *path, mode_t mode) { return make_directory(AT_FDCWD, path, mode); }
int mkdirat(int directory, const char *path, mode_t mode) {
  return make_directory(directory, path, mode);
}

static int remove_name(int directory, const char *path, int flags) {
  char place[PATH_MAX];
  if (!resolve(directory, path, place)) return (int)raw_call(SYS_unlinkat, directory, path, flags);
  enter();
  enum failure failure =
      count_call(flags & AT_REMOVEDIR ? "rmdir" : "unlink", place, -1, may_eio);
  if (failure) finish(failure, -1, -1);
  int result = (int)raw_call(SYS_unlinkat, directory, path, flags);
  if (result == 0) note(op_remove, 0, 0, place, NULL);
  leave();
  return result;
}
int unlink(const char *path) { return remove_name(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char *path, int flags) {
  return remove_name(directory, path, flags);
}
int rmdir(const char *path) { return remove_name(AT_FDCWD, path, AT_REMOVEDIR); }

// What enters or leaves the root by a rename would be unseen: both ends lie below it, or none.
static int rename_name(int directory, const char *path, int other, const char *to, unsigned flags) {
  char place[PATH_MAX], target[PATH_MAX];
  int inside = resolve(directory, path, place);
  int target_inside = resolve(other, to, target);
  if (!inside && !target_inside)
    return (int)raw_call(SYS_renameat2, directory, path, other, to, flags);
  enter();
  enum failure failure = count_call("rename", inside ? place : target, -1, may_eio | may_enospc);
  if (failure) finish(failure, -1, -1);
  int result = (int)raw_call(SYS_renameat2, directory, path, other, to, flags);
  if (result == 0) {
    if (inside && target_inside) {
      note(flags & RENAME_EXCHANGE ? op_exchange : op_rename, 0, 0, place, target);
    } else {
      note(op_unseen, 0, 0, "a rename across the root", NULL);
    }
  }
  leave();
  return result;
}
int rename(const char *path, const char *to) {
  return rename_name(AT_FDCWD, path, AT_FDCWD, to, 0);
}
int renameat(int directory, const char *path, int other, const char *to) {
  return rename_name(directory, path, other, to, 0);
}
int renameat2(int directory, const char *path, int other, const char *to, unsigned flags) {
  return rename_name(directory, path, other, to, flags);
}

static int link_name(int directory, const char *path, int other, const char *to, int flags) {
  char place[PATH_MAX], target[PATH_MAX];
  if (!resolve(other, to, target))
    return (int)raw_call(SYS_linkat, directory, path, other, to, flags);
  enter();
  enum failure failure = count_call("link", target, -1, may_eio | may_enospc);
  if (failure) finish(failure, -1, -1);
  int result = (int)raw_call(SYS_linkat, directory, path, other, to, flags);
  if (result == 0) {
    if (resolve(directory, path, place)) note(op_link, 0, 0, place, target);
    else note(op_unseen, 0, 0, "a link from outside", NULL);
  }
  leave();
  return result;
}
int link(const char *path, const char *to) { return link_name(AT_FDCWD, path, AT_FDCWD, to, 0); }
int linkat(int directory, const char *path, int other, const char *to, int flags) {
  return link_name(directory, path, other, to, flags);
}
int symlink(const char *target, const char *path) {
  char place[PATH_MAX];
  int result = (int)raw_call(SYS_symlinkat, target, AT_FDCWD, path);
  if (result == 0 && resolve(AT_FDCWD, path, place)) {
    enter();
    note(op_unseen, 0, 0, "a symbolic link", NULL);
    leave();
  }
  return result;
}

int truncate(const char *path, off_t size) {
  int fd = open_at(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  int result = resize(fd, size);
  int code = errno;
  close(fd);
  errno = code;
  return result;
}
int truncate64(const char *path, off64_t size) { return truncate(path, size); }

// MARK: Calls without a name

// Those that change files go the way of their names. What another one changes shows in the end: the
// recording does not lead to what is there.
long syscall(long number, ...) {
  va_list list;
  long arguments[6];
  va_start(list, number);
  for (int index = 0; index < 6; index++) arguments[index] = va_arg(list, long);
  va_end(list);
  switch (number) {
    case SYS_fallocate:
      return allocate((int)arguments[0], (int)arguments[1], arguments[2], arguments[3]);
    case SYS_renameat2:
      return rename_name((int)arguments[0], (const char *)arguments[1], (int)arguments[2],
                         (const char *)arguments[3], (unsigned)arguments[4]);
    case SYS_write: return write((int)arguments[0], (const void *)arguments[1], arguments[2]);
    case SYS_pwrite64:
      return pwrite((int)arguments[0], (const void *)arguments[1], arguments[2], arguments[3]);
    case SYS_ftruncate: return resize((int)arguments[0], arguments[1]);
    case SYS_fsync: return fsync((int)arguments[0]);
    case SYS_fdatasync: return fdatasync((int)arguments[0]);
    case SYS_openat:
      return open_at((int)arguments[0], (const char *)arguments[1], (int)arguments[2],
                     (mode_t)arguments[3]);
    case SYS_unlinkat:
      return remove_name((int)arguments[0], (const char *)arguments[1], (int)arguments[2]);
  }
  return raw_call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                  arguments[5]);
}

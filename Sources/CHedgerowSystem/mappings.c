#define _GNU_SOURCE
#include "CHedgerowSystem.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Which file lies where in memory. Blocks of places are added and never removed; a place is taken
// when its start is not 0. Only the handler reads without the lock, and it does so while somebody
// reads from the mapping that it looks for, so that mapping's place is not being changed.
enum { block_count = 512 };

typedef struct {
  _Atomic(uintptr_t) start;
  uintptr_t end;
  char *path;
} place;

typedef struct block {
  place places[block_count];
  _Atomic(struct block *) next;
} block;

static block first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void hr_note_mapping(const void *start, size_t byte_count, const char *path) {
  char *copy = strdup(path);
  // Without memory there is no name, and nothing else is lost.
  if (!copy) return;
  pthread_mutex_lock(&lock);
  block *b = &first;
  for (;;) {
    for (int i = 0; i < block_count; i++) {
      place *p = &b->places[i];
      if (atomic_load_explicit(&p->start, memory_order_relaxed)) continue;
      p->end = (uintptr_t)start + byte_count;
      p->path = copy;
      atomic_store_explicit(&p->start, (uintptr_t)start, memory_order_release);
      pthread_mutex_unlock(&lock);
      return;
    }
    block *next = atomic_load(&b->next);
    if (!next) {
      next = calloc(1, sizeof *next);
      if (!next) break;
      atomic_store(&b->next, next);
    }
    b = next;
  }
  pthread_mutex_unlock(&lock);
  free(copy);
}

void hr_forget_mapping(const void *start, size_t byte_count) {
  pthread_mutex_lock(&lock);
  char *path = NULL;
  for (block *b = &first; b && !path; b = atomic_load(&b->next))
    for (int i = 0; i < block_count; i++) {
      place *p = &b->places[i];
      if (atomic_load(&p->start) != (uintptr_t)start || p->end != (uintptr_t)start + byte_count)
        continue;
      atomic_store(&p->start, 0);
      path = p->path;
      p->path = NULL;
      break;
    }
  pthread_mutex_unlock(&lock);
  free(path);
}

static char message_prefix[64];
static int exit_status;

static size_t put(char *line, size_t at, size_t room, const char *text) {
  while (*text && at < room) {
    // A path may hold anything; the message is one line.
    line[at++] = *text == '\n' ? ' ' : *text;
    text++;
  }
  return at;
}

static atomic_flag is_reporting = ATOMIC_FLAG_INIT;

// Nothing here but loads, stores, write, pause and _exit.
static void report(int number, siginfo_t *info, void *context) {
  (void)context;
  uintptr_t address = (uintptr_t)info->si_addr;
  const char *path = NULL;
  for (block *b = &first; b && !path; b = atomic_load(&b->next))
    for (int i = 0; i < block_count; i++) {
      place *p = &b->places[i];
      uintptr_t start = atomic_load_explicit(&p->start, memory_order_acquire);
      if (start && start <= address && address < p->end) {
        path = p->path;
        break;
      }
    }
  if (!path && info->si_code != BUS_ADRERR) {
    // No lost page: a mistake in the program, which ends it as it would have.
    signal(number, SIG_DFL);
    return;
  }
  // Whoever else comes upon a lost page meanwhile has nothing to add.
  while (atomic_flag_test_and_set(&is_reporting)) pause();
  static char line[4096 + 512];
  size_t room = sizeof line - 1, at = put(line, 0, room, message_prefix);
  if (path) at = put(line, at, room, path);
  else at = put(line, at, room, "a mapped file");
  at = put(line, at, room,
           ": its bytes are not there any more: it was cut short, or its disk failed or is full; "
           "verify the store, or restore a backup");
  line[at++] = '\n';
  ssize_t written = write(STDERR_FILENO, line, at);
  (void)written;
  _exit(exit_status);
}

void hr_exit_on_lost_mapping(const char *prefix, int status) {
  strncpy(message_prefix, prefix, sizeof message_prefix - 1);
  exit_status = status;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = report;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGBUS, &action, NULL);
}

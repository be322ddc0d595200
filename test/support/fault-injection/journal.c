/*
 * The journal: what has to be known to say what a disk holds when the power fails. It is kept where a file `root` is
 * among the control files; the directory that it names is recorded. In `journal` stands a line for each change of a name, in
 * order, and for each sync, paths relative to the root:
 *
 *   mkdir PATH ID | create PATH ID | symlink PATH TARGET | link FROM TO | rename FROM TO | exchange FROM TO | unlink PATH
 *   syncdir PATH | sync PATH ID
 *
 * and in `synced/ID` the bytes of each file as they were at its last sync. An id is the inode's number and its time of
 * birth, since numbers are used again.
 */
#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4096

static char root[PATH_BYTES];
static int journal = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Past the calls that are interposed. */
static int open_plainly(const char *path, int flags) {
  return syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static void begin(void) {
  char path[PATH_BYTES];
  control_path(path, sizeof path, "root");
  int file = process_name()[0] == 0 ? -1 : open_plainly(path, O_RDONLY);
  if (file < 0) return;
  ssize_t length = read(file, root, sizeof root - 1);
  close(file);
  root[length < 0 ? 0 : length] = 0;
  control_path(path, sizeof path, "journal");
  journal = open_plainly(path, O_WRONLY | O_APPEND | O_CREAT);
}

int journal_is_kept(void) {
  pthread_once(&once, begin);
  return journal >= 0;
}

void journal_lock(void) {
  if (!journal_is_kept()) return;
  pthread_mutex_lock(&mutex);
  while (flock(journal, LOCK_EX) != 0 && errno == EINTR) continue;
}

void journal_unlock(void) {
  if (!journal_is_kept()) return;
  int error = errno;
  flock(journal, LOCK_UN);
  pthread_mutex_unlock(&mutex);
  errno = error;
}

/* The path below the root, without symbolic links before its last name; NULL for what is elsewhere. */
static const char *below_root(const char *path, char *buffer) {
  char parent[PATH_BYTES], real[PATH_BYTES];
  snprintf(parent, sizeof parent, "%s", path);
  size_t length = strlen(parent);
  while (length > 1 && parent[length - 1] == '/') parent[--length] = 0;
  char *slash = strrchr(parent, '/');
  const char *name = slash == NULL ? parent : slash + 1;
  char last[NAME_MAX + 1];
  snprintf(last, sizeof last, "%s", name);
  if (slash == NULL) strcpy(parent, ".");
  else *(slash == parent ? slash + 1 : slash) = 0;
  if (realpath(parent, real) == NULL) return NULL;
  if (snprintf(buffer, PATH_BYTES, "%s/%s", real, last) >= PATH_BYTES) return NULL;
  size_t of_root = strlen(root);
  if (strcmp(buffer, root) == 0) return ".";
  if (strncmp(buffer, root, of_root) != 0 || buffer[of_root] != '/') return NULL;
  return buffer + of_root + 1;
}

static void write_line(const char *first, const char *second, const char *third) {
  char line[PATH_BYTES * 2];
  int length = snprintf(line, sizeof line, "%s\t%s%s%s\n", first, second, third[0] == 0 ? "" : "\t", third);
  if (syscall(SYS_write, journal, line, length) != length) abort();
}

static void identity(const struct statx *found, char *id, size_t size) {
  if ((found->stx_mask & STATX_BTIME) == 0) {
    dprintf(2, "fault injection: the file system keeps no times of birth\n");
    abort();
  }
  long long birth = found->stx_btime.tv_sec * 1000000000LL + found->stx_btime.tv_nsec;
  snprintf(id, size, "%llu-%lld", (unsigned long long)found->stx_ino, birth);
}

void journal_names(const char *what, const char *path, const char *other) {
  if (!journal_is_kept()) return;
  int error = errno;
  char first[PATH_BYTES], second[PATH_BYTES];
  const char *from = below_root(path, first);
  const char *to = other == NULL ? "" : below_root(other, second);
  // Nothing is moved into the root or out of it.
  if (from != NULL && to != NULL) write_line(what, from, to);
  errno = error;
}

void journal_new(const char *what, const char *path) {
  if (!journal_is_kept()) return;
  int error = errno;
  char buffer[PATH_BYTES], id[64], name[80], synced[PATH_BYTES];
  const char *from = below_root(path, buffer);
  struct statx found;
  if (from != NULL && statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_INO, &found) == 0) {
    identity(&found, id, sizeof id);
    snprintf(name, sizeof name, "synced/%s", id);
    control_path(synced, sizeof synced, name);
    syscall(SYS_unlinkat, AT_FDCWD, synced, 0);
    write_line(what, from, id);
  }
  errno = error;
}

void journal_symlink(const char *path, const char *target) {
  if (!journal_is_kept()) return;
  int error = errno;
  char buffer[PATH_BYTES];
  const char *from = below_root(path, buffer);
  if (from != NULL) write_line("symlink", from, target);
  errno = error;
}

static int copy(int from, const char *to) {
  static char bytes[1 << 16];
  char temporary[PATH_BYTES + 8];
  snprintf(temporary, sizeof temporary, "%s.new", to);
  int file = open_plainly(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (file < 0) return -1;
  // The file may be open for writing alone, and its place is not ours to move.
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", from);
  int source = open_plainly(path, O_RDONLY);
  ssize_t length = -1;
  if (source >= 0) {
    while ((length = read(source, bytes, sizeof bytes)) > 0)
      if (syscall(SYS_write, file, bytes, length) != length) abort();
    close(source);
  }
  close(file);
  return length < 0 ? -1 : syscall(SYS_renameat, AT_FDCWD, temporary, AT_FDCWD, to);
}

int journal_sync(int file) {
  char path[PATH_BYTES], buffer[PATH_BYTES], id[64], name[80], synced[PATH_BYTES];
  if (!path_of(file, path, sizeof path)) return 0;
  const char *from = below_root(path, buffer);
  if (from == NULL) return 0;
  struct statx found;
  if (statx(file, "", AT_EMPTY_PATH, STATX_BTIME | STATX_INO | STATX_TYPE, &found) != 0) return -1;
  if (S_ISDIR(found.stx_mode)) {
    write_line("syncdir", from, "");
    return 0;
  }
  identity(&found, id, sizeof id);
  snprintf(name, sizeof name, "synced/%s", id);
  control_path(synced, sizeof synced, name);
  if (copy(file, synced) != 0) return -1;
  write_line("sync", from, id);
  return 0;
}

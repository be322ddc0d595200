/* The calls of the C library that the collector (through libuv) and the engine (ClickHouse) make, in the order of the kinds. */
#define _GNU_SOURCE
#include "faults.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

extern char **environ;

static char directory[PATH_BYTES];
static const char *process = "";

__attribute__((constructor)) static void begin(void) {
  const char *given = getenv("FAULT_DIRECTORY");
  if (given == NULL) return;
  snprintf(directory, sizeof directory, "%s", given);
  static char line[PATH_BYTES];
  int file = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : syscall(SYS_read, file, line, sizeof line - 1);
  if (file >= 0) syscall(SYS_close, file);
  if (memmem(line, length, "embedded-process.js", 19) != NULL) process = "engine";
  else if (memmem(line, length, "cli/main.js", 11) != NULL) process = "collector";
  // Scripts of the tests stand for a collector.
  else if (memmem(line, length, "test/support/", 13) != NULL) process = "collector";
}

const char *process_name(void) { return process; }

void control_path(char *path, size_t size, const char *name) { snprintf(path, size, "%s/%s", directory, name); }

int path_of(int file, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
  return path[0] == '/';
}

static const char *at(int folder, const char *path, char *buffer) {
  if (path[0] == '/' || folder == AT_FDCWD) return path;
  char parent[PATH_BYTES];
  if (!path_of(folder, parent, sizeof parent)) return path;
  snprintf(buffer, PATH_BYTES, "%s/%s", parent, path);
  return buffer;
}

/* The call between what the plan wants before and after it; `note` is what the journal hears of its success. */
#define CALL(type, kind, path, other, call, note)                    \
  struct verdict verdict = plan_before(kind, path, other);           \
  if (verdict.error != 0) return errno = verdict.error, (type) - 1;  \
  journal_lock();                                                    \
  type result = (call);                                              \
  if (result >= 0) note;                                             \
  journal_unlock();                                                  \
  plan_after(verdict);                                               \
  return result

int rename(const char *from, const char *to) {
  CALL(int, RENAME, from, to, REAL(rename)(from, to), journal_names("rename", from, to));
}

static int rename_by(long (*call)(long, ...), int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char first[PATH_BYTES], second[PATH_BYTES];
  const char *whole_from = at(from_folder, from, first), *whole_to = at(to_folder, to, second);
  const char *what = flags & RENAME_EXCHANGE ? "exchange" : "rename";
  CALL(int, RENAME, whole_from, whole_to, (int)call(SYS_renameat2, from_folder, from, to_folder, to, flags),
       journal_names(what, whole_from, whole_to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return rename_by(REAL(syscall), from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  return rename_by(REAL(syscall), from_folder, from, to_folder, to, flags);
}

/* The plan's word on a read; a path is asked for where there is a rule alone, as for writes. */
static int read_error(int file) {
  char path[PATH_BYTES];
  if (process[0] == 0 || !plan_has(READ) || !path_of(file, path, sizeof path)) return 0;
  return plan_before(READ, path, NULL).error;
}

#define READ_CALL(file, call)                     \
  int error = read_error(file);                   \
  if (error != 0) return errno = error, -1;       \
  return (call)

ssize_t read(int file, void *bytes, size_t length) { READ_CALL(file, REAL(read)(file, bytes, length)); }

ssize_t pread(int file, void *bytes, size_t length, off_t offset) {
  READ_CALL(file, REAL(pread)(file, bytes, length, offset));
}

ssize_t pread64(int file, void *bytes, size_t length, off64_t offset) {
  READ_CALL(file, REAL(pread64)(file, bytes, length, offset));
}

ssize_t readv(int file, const struct iovec *parts, int count) { READ_CALL(file, REAL(readv)(file, parts, count)); }

/* The plan's word on a write; a path is asked for where there is a rule alone: writes go to pipes and sockets as well. */
static struct verdict before_write(int file) {
  char path[PATH_BYTES];
  if (process[0] == 0 || !plan_has(WRITE) || !path_of(file, path, sizeof path)) return (struct verdict){0};
  return plan_before(WRITE, path, NULL);
}

#define HALF(length) (verdict.is_short && (length) > 1 ? (length) / 2 : (length))

/* How libuv copies a file. */
static long copy_by(long (*call)(long, ...), const long *a) {
  struct verdict verdict = before_write((int)a[2]);
  if (verdict.error != 0) return errno = verdict.error, -1;
  long result = call(SYS_copy_file_range, a[0], a[1], a[2], a[3], HALF(a[4]), a[5]);
  plan_after(verdict);
  return result;
}

/* ClickHouse asks for renameat2 and preadv2 by their numbers, libuv for copy_file_range. */
long syscall(long number, ...) {
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int index = 0; index < 6; index++) a[index] = va_arg(arguments, long);
  va_end(arguments);
  static long (*call)(long, ...);
  if (call == NULL) call = REAL(syscall);
  if (number == SYS_renameat2 && process[0] != 0)
    return rename_by(call, (int)a[0], (const char *)a[1], (int)a[2], (const char *)a[3], (unsigned)a[4]);
  if (number == SYS_copy_file_range) return copy_by(call, a);
  if (number == SYS_preadv2) {
    int error = read_error((int)a[0]);
    if (error != 0) return errno = error, -1;
  }
  return call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#define WRITE_CALL(file, call)                                                    \
  struct verdict verdict = before_write(file);                                    \
  if (verdict.error != 0) return errno = verdict.error, -1;                       \
  ssize_t result = (call);                                                        \
  plan_after(verdict);                                                            \
  return result

ssize_t write(int file, const void *bytes, size_t length) { WRITE_CALL(file, REAL(write)(file, bytes, HALF(length))); }

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
  WRITE_CALL(file, REAL(pwrite)(file, bytes, HALF(length), offset));
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
  WRITE_CALL(file, REAL(pwrite64)(file, bytes, HALF(length), offset));
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  WRITE_CALL(file, REAL(writev)(file, parts, HALF(count)));
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
  WRITE_CALL(file, REAL(pwritev)(file, parts, HALF(count), offset));
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) {
  WRITE_CALL(file, REAL(pwritev64)(file, parts, HALF(count), offset));
}

/* Where the kernel cannot copy by itself. */
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  WRITE_CALL(to, REAL(sendfile64)(to, from, offset, HALF(length)));
}

static int sync_by(int (*call)(int), int file) {
  char path[PATH_BYTES];
  if (process[0] == 0 || !path_of(file, path, sizeof path)) return call(file);
  CALL(int, SYNC, path, NULL, journal_is_kept() ? journal_sync(file) : call(file), (void)0);
}

int fsync(int file) { return sync_by(REAL(fsync), file); }

int fdatasync(int file) { return sync_by(REAL(fdatasync), file); }

int unlink(const char *path) { CALL(int, UNLINK, path, NULL, REAL(unlink)(path), journal_names("unlink", path, NULL)); }

int rmdir(const char *path) { CALL(int, UNLINK, path, NULL, REAL(rmdir)(path), journal_names("unlink", path, NULL)); }

int remove(const char *path) { CALL(int, UNLINK, path, NULL, REAL(remove)(path), journal_names("unlink", path, NULL)); }

int unlinkat(int folder, const char *path, int flags) {
  char buffer[PATH_BYTES];
  const char *whole = at(folder, path, buffer);
  CALL(int, UNLINK, whole, NULL, REAL(unlinkat)(folder, path, flags), journal_names("unlink", whole, NULL));
}

static int open_by(int folder, const char *path, int flags, mode_t mode) {
  static int (*call)(int, const char *, int, ...);
  if (call == NULL) call = REAL(openat);
  if (process[0] == 0 || (flags & O_CREAT) == 0) return call(folder, path, flags, mode);
  char buffer[PATH_BYTES];
  const char *whole = at(folder, path, buffer);
  struct stat found;
  int is_new = 0;
  CALL(int, CREATE, whole, NULL,
       (is_new = fstatat(AT_FDCWD, whole, &found, AT_SYMLINK_NOFOLLOW) != 0, call(folder, path, flags, mode)),
       if (is_new) journal_new("create", whole));
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(folder, path, flags)                \
  va_list arguments;                             \
  va_start(arguments, flags);                    \
  mode_t mode = mode_of(flags, arguments);       \
  va_end(arguments);                             \
  return open_by(folder, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }

int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags | O_LARGEFILE); }

int openat(int folder, const char *path, int flags, ...) { OPEN(folder, path, flags); }

int openat64(int folder, const char *path, int flags, ...) { OPEN(folder, path, flags | O_LARGEFILE); }

int creat(const char *path, mode_t mode) { return open_by(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static struct verdict before_truncate(int file) {
  char path[PATH_BYTES];
  if (process[0] == 0 || !plan_has(TRUNCATE) || !path_of(file, path, sizeof path)) return (struct verdict){0};
  return plan_before(TRUNCATE, path, NULL);
}

#define TRUNCATE_CALL(verdict_, call)                       \
  struct verdict verdict = verdict_;                        \
  if (verdict.error != 0) return errno = verdict.error, -1; \
  int result = (call);                                      \
  plan_after(verdict);                                      \
  return result

int ftruncate(int file, off_t length) { TRUNCATE_CALL(before_truncate(file), REAL(ftruncate)(file, length)); }

int ftruncate64(int file, off64_t length) { TRUNCATE_CALL(before_truncate(file), REAL(ftruncate64)(file, length)); }

int truncate(const char *path, off_t length) {
  TRUNCATE_CALL(plan_before(TRUNCATE, path, NULL), REAL(truncate)(path, length));
}

int link(const char *from, const char *to) {
  CALL(int, LINK, from, to, REAL(link)(from, to), journal_names("link", from, to));
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  char first[PATH_BYTES], second[PATH_BYTES];
  const char *whole_from = at(from_folder, from, first), *whole_to = at(to_folder, to, second);
  CALL(int, LINK, whole_from, whole_to, REAL(linkat)(from_folder, from, to_folder, to, flags),
       journal_names("link", whole_from, whole_to));
}

int symlink(const char *target, const char *path) {
  CALL(int, LINK, path, NULL, REAL(symlink)(target, path), journal_symlink(path, target));
}

int mkdir(const char *path, mode_t mode) {
  CALL(int, MKDIR, path, NULL, REAL(mkdir)(path, mode), journal_new("mkdir", path));
}

int mkdirat(int folder, const char *path, mode_t mode) {
  char buffer[PATH_BYTES];
  const char *whole = at(folder, path, buffer);
  CALL(int, MKDIR, whole, NULL, REAL(mkdirat)(folder, path, mode), journal_new("mkdir", whole));
}

static int has(const char *name) {
  size_t length = strlen(name);
  for (char **variable = environ; *variable != NULL; variable++)
    if (strncmp(*variable, name, length) == 0) return 1;
  return 0;
}

/* A program that is started with an environment of its own, as the engine is, is to have us as well. */
int execvp(const char *file, char *const arguments[]) {
  static char preload[PATH_BYTES], control[PATH_BYTES];
  Dl_info self;
  if (process[0] != 0 && dladdr((void *)begin, &self) != 0) {
    int count = 0;
    while (environ[count] != NULL) count++;
    char **variables = alloca((count + 3) * sizeof *variables);
    memcpy(variables, environ, count * sizeof *variables);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", self.dli_fname);
    snprintf(control, sizeof control, "FAULT_DIRECTORY=%s", directory);
    if (!has("LD_PRELOAD=")) variables[count++] = preload;
    if (!has("FAULT_DIRECTORY=")) variables[count++] = control;
    variables[count] = NULL;
    environ = variables;
  }
  return REAL(execvp)(file, arguments);
}

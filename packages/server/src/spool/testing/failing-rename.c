/*
 * Preloaded into the engine's process: lets the next rename whose source holds a text fail, or ends the process before or after it.
 * The file that FAULT_RENAME names holds the order, "enospc TEXT", "kill-before TEXT" or "kill-after TEXT", and is removed
 * as the order is carried out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ordered(const char *source, char *what)
{
  char text[512];
  const char *path = getenv("FAULT_RENAME");
  FILE *file = path == NULL ? NULL : fopen(path, "r");
  if (file == NULL) return 0;
  int found = fscanf(file, "%31s %511s", what, text) == 2 && strstr(source, text) != NULL;
  fclose(file);
  /* Of two threads one removes it. */
  return found && unlink(path) == 0;
}

int rename(const char *from, const char *to)
{
  static int (*real)(const char *, const char *);
  char what[32] = "";
  if (real == NULL) real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  int is_ordered = ordered(from, what);
  if (is_ordered && strcmp(what, "kill-before") == 0) kill(getpid(), SIGKILL);
  if (is_ordered && strcmp(what, "enospc") == 0) {
    errno = ENOSPC;
    return -1;
  }
  int result = real(from, to);
  if (is_ordered && strcmp(what, "kill-after") == 0) kill(getpid(), SIGKILL);
  return result;
}

/*
 * The plan: one rule a line, read again when the generation in the file `state` has changed.
 *
 *   process kind pattern first times action [argument]
 *
 * process: any, collector, engine. pattern: of fnmatch, over the absolute path (of a rename: either). first: the number of the
 * first call that the rule is for, from 1; times: for how many from there on. action:
 *   count                             nothing but counting
 *   fail ERRNO | short                the call fails without having done anything; a write of half the bytes
 *   delay MS                          the call is late
 *   kill-before WHO | kill-after WHO  SIGKILL; WHO: self, or of the engine also parent, both
 *
 * `state`: u32 generation, u32 unused, and for each rule u32 calls that matched, u32 calls that it was applied to, in all
 * processes together and across their restarts. `trace`: a line for each call that a rule was applied to.
 */
#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 32
#define PATH_MAX_BYTES 4096

enum action { COUNT, FAIL, SHORT, DELAY, KILL_BEFORE, KILL_AFTER };
enum who { NOBODY, SELF, PARENT, BOTH };

struct rule {
  int is_ours;
  enum kind kind;
  char pattern[512];
  uint32_t first, times;
  enum action action;
  int argument;
};

struct state {
  _Atomic uint32_t generation;
  uint32_t unused;
  struct {
    _Atomic uint32_t seen, applied;
  } rules[RULES_MAX];
};

static const char *KIND_NAMES[KINDS] = {"rename", "write", "sync", "unlink", "create", "truncate", "link", "mkdir",
                                        "read"};
static const char *ACTION_NAMES[] = {"count", "fail", "short", "delay", "kill-before", "kill-after"};
static const char *WHO_NAMES[] = {"nobody", "self", "parent", "both"};

static struct state *state;
static struct rule rules[RULES_MAX];
static int rule_count;
static uint32_t generation;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void refuse(const char *line) {
  dprintf(2, "fault injection: this is no rule: %s\n", line);
  abort();
}

static int index_of(const char *name, const char **names, int count, const char *line) {
  for (int index = 0; index < count; index++)
    if (strcmp(name, names[index]) == 0) return index;
  refuse(line);
  return -1;
}

static int errno_of(const char *name, const char *line) {
  if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(name, "EIO") == 0) return EIO;
  if (strcmp(name, "EDQUOT") == 0) return EDQUOT;
  if (strcmp(name, "EMFILE") == 0) return EMFILE;
  refuse(line);
  return 0;
}

static struct rule parse(const char *line) {
  struct rule rule = {0};
  char process[16], kind[16], action[16], argument[16] = "";
  int found = sscanf(line, "%15s %15s %511s %u %u %15s %15s", process, kind, rule.pattern, &rule.first, &rule.times,
                     action, argument);
  if (found < 6) refuse(line);
  rule.is_ours = strcmp(process, "any") == 0 || strcmp(process, process_name()) == 0;
  rule.kind = index_of(kind, KIND_NAMES, KINDS, line);
  rule.action = index_of(action, ACTION_NAMES, 6, line);
  if (rule.action == FAIL) rule.argument = errno_of(argument, line);
  if (rule.action == DELAY) rule.argument = atoi(argument);
  if (rule.action >= KILL_BEFORE) rule.argument = index_of(argument, WHO_NAMES, 4, line);
  return rule;
}

/* By system calls alone: fopen may be somebody's own. */
static void read_plan(void) {
  static char text[RULES_MAX * 600];
  char path[PATH_MAX_BYTES];
  control_path(path, sizeof path, "plan");
  int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  rule_count = 0;
  if (file < 0) return;
  ssize_t length = syscall(SYS_read, file, text, sizeof text - 1);
  close(file);
  text[length < 0 ? 0 : length] = 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL && rule_count < RULES_MAX; line = strtok_r(NULL, "\n", &rest))
    rules[rule_count++] = parse(line);
}

static int is_planned(void) {
  if (process_name()[0] == 0) return 0;
  pthread_mutex_lock(&mutex);
  if (state == NULL) {
    char path[PATH_MAX_BYTES];
    control_path(path, sizeof path, "state");
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (file >= 0) {
      void *mapped = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      close(file);
      if (mapped != MAP_FAILED) state = mapped;
    }
  }
  if (state != NULL && atomic_load(&state->generation) != generation) {
    generation = atomic_load(&state->generation);
    read_plan();
  }
  pthread_mutex_unlock(&mutex);
  return state != NULL && rule_count > 0;
}

int plan_has(enum kind kind) {
  if (!is_planned()) return 0;
  for (int index = 0; index < rule_count; index++)
    if (rules[index].is_ours && rules[index].kind == kind) return 1;
  return 0;
}

static void note(int index, enum kind kind, const char *path) {
  char trace[PATH_MAX_BYTES], line[PATH_MAX_BYTES];
  control_path(trace, sizeof trace, "trace");
  int file = syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  int length = snprintf(line, sizeof line, "%d %s %s %s\n", index, process_name(), KIND_NAMES[kind], path);
  if (file < 0) return;
  syscall(SYS_write, file, line, length);
  close(file);
}

static void end(int who) {
  if (who == NOBODY) return;
  // Above the collector is the test.
  if (strcmp(process_name(), "engine") != 0) who = SELF;
  if (who == PARENT || who == BOTH) kill(getppid(), SIGKILL);
  if (who == SELF || who == BOTH) {
    kill(getpid(), SIGKILL);
    // The signal may meet another thread first.
    for (;;) pause();
  }
}

struct verdict plan_before(enum kind kind, const char *path, const char *other) {
  struct verdict verdict = {0};
  if (!plan_has(kind)) return verdict;
  for (int index = 0; index < rule_count; index++) {
    struct rule *rule = &rules[index];
    if (!rule->is_ours || rule->kind != kind) continue;
    int matches = fnmatch(rule->pattern, path, 0) == 0 || (other != NULL && fnmatch(rule->pattern, other, 0) == 0);
    if (!matches) continue;
    uint32_t number = atomic_fetch_add(&state->rules[index].seen, 1) + 1;
    if (rule->action == COUNT || number < rule->first || number - rule->first >= rule->times) continue;
    atomic_fetch_add(&state->rules[index].applied, 1);
    note(index, kind, path);
    if (rule->action == DELAY) {
      struct timespec time = {rule->argument / 1000, rule->argument % 1000 * 1000000L};
      nanosleep(&time, NULL);
    }
    if (rule->action == FAIL) verdict.error = rule->argument;
    if (rule->action == SHORT) verdict.is_short = 1;
    if (rule->action == KILL_BEFORE) end(rule->argument);
    if (rule->action == KILL_AFTER) verdict.kill_after = rule->argument;
  }
  return verdict;
}

void plan_after(struct verdict verdict) {
  int error = errno;
  end(verdict.kill_after);
  errno = error;
}

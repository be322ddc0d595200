/*
 * A library that is preloaded into the collector and its engine. It makes calls of the file system fail, be late, or be
 * the last thing that the process does (plan.c), and keeps a journal of what a disk would have kept (journal.c).
 * interpose.c has the calls. Everything is said by files in the directory that FAULT_DIRECTORY names.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stddef.h>

enum kind { RENAME, WRITE, SYNC, UNLINK, CREATE, TRUNCATE, LINK, MKDIR, READ, KINDS };

struct verdict {
  /* 0, or what the call fails with. */
  int error;
  /* A write ends after half of its bytes. */
  int is_short;
  /* Which processes end when the call is done: 0 for none. */
  int kill_after;
};

/* "collector", "engine", or "" for a process that is left alone. */
const char *process_name(void);

/* The directory of the control files with a name in it. */
void control_path(char *path, size_t size, const char *name);

/* Whether the plan has a rule for calls of this kind; a path need not be found out otherwise. */
int plan_has(enum kind kind);
/* Counts the call, waits, ends the process. `other` may be NULL. */
struct verdict plan_before(enum kind kind, const char *path, const char *other);
/* Keeps errno. */
void plan_after(struct verdict verdict);

/* Whether calls are noted at all. */
int journal_is_kept(void);
/*
 * Between them no other process or thread changes the directory that is recorded, so that the lines stand in the order
 * of what they say.
 */
void journal_lock(void);
void journal_unlock(void);
/* The functions below are called between the two, after the call succeeded. What is elsewhere is not noted. */
void journal_names(const char *what, const char *path, const char *other);
/* With the identity of the file that stands at the path now. */
void journal_new(const char *what, const char *path);
void journal_symlink(const char *path, const char *target);
/* In the place of fsync: keeps the file's bytes, or notes that the directory's names are kept. -1 where it cannot. */
int journal_sync(int file);

/* The path of an open file; 0 for what has none, such as a pipe. */
int path_of(int file, char *path, size_t size);

#endif

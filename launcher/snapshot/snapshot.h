/* Python as it is once it has started and has pyoci's modules: kept in the program's own data, where every run of the
 * program finds it instead of doing it again. The program is built in two steps (build_program.py): it is linked without
 * a snapshot, and run once to write one, which __init__.py puts into its data. */
#ifndef PYOCI_SNAPSHOT_H
#define PYOCI_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

/* As argv[0]: prepare a snapshot and write it, instead of running a command line. */
#define SNAPSHOT_CALLED "pyoci: write a snapshot"

struct span {
    char *begin;
    size_t size;
};

#ifdef WITH_SNAPSHOT

/* Whether this program has one: Python has started, and snapshot_wake() is all that it needs. */
bool snapshot_is_there(void);

/* Tell Python which process it is in, after whose start it has not asked. */
bool snapshot_wake(void);

/* Copy the pages that a command writes to all at once, before the first of them is (huge_page.c). */
void snapshot_use_huge_page(void);

/* Stop counting the references of all objects that there are (immortal.c). */
bool snapshot_make_immortal(void);

/* Write the snapshot to standard output, and wait for the end of standard input. */
bool snapshot_write(void);

/* Pages that will be part of it; NULL when it is written, or full. */
void *snapshot_pages(size_t size);

/* Where the memory of the snapshot is, besides the program's own variables. */
struct span snapshot_memory(void);
struct span snapshot_arenas(void);

#else /* build_program.py, can_have_snapshot: where libpython is shared, say, its variables are elsewhere in every run */

static inline bool snapshot_is_there(void)
{
    return false;
}
static inline bool snapshot_wake(void)
{
    return false;
}
static inline void *snapshot_pages(size_t size)
{
    return (void)size, NULL;
}
static inline struct span snapshot_memory(void)
{
    return (struct span){NULL, 0};
}
static inline struct span snapshot_arenas(void)
{
    return (struct span){NULL, 0};
}

#endif
#endif

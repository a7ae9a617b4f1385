#ifndef PYOCI_MEMORY_H
#define PYOCI_MEMORY_H

/* From now on: where the heap begins, and where the kernel has put the command line and the environment. */
void memory_watch(char **argv);

/* Before Python starts: its objects' memory comes from here. */
void memory_take_arenas(void);

#endif

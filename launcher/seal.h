#ifndef PYOCI_SEAL_H
#define PYOCI_SEAL_H

#include <stdbool.h>

/* What /proc/self/exe says of the running program: its path, or that it is a sealed copy without a path. */
struct program {
    char path[4096]; /* PATH_MAX; empty where it cannot be found out */
    bool has_proc;   /* /proc/self/exe can be used */
    int error;       /* errno, where it cannot */
    bool sealed;     /* nobody who reaches /proc/PID/exe can write to the file on the host */
};

void program_find(struct program *program, const char *argv0);

/* Replace this process by a sealed copy of the program. Returns only on failure, after it has said why. */
void program_seal(const struct program *program, char **argv);

#endif

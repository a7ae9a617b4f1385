#ifndef PYOCI_SEAL_H
#define PYOCI_SEAL_H

#include <stdbool.h>

extern const char *const pyoci_sealed_commands[]; /* of freeze.py; ends with NULL */

/* Whether a container can see this program as /proc/PID/exe afterwards. Looking at every word costs nothing and needs no
 * knowledge of the options; a container that is named "run" is sealed for nothing. It calls nothing of the
 * C library, which starts after entry.c. */
static inline bool enters_container(char **argv)
{
    for (char **word = argv; *word; word++)
        for (const char *const *command = pyoci_sealed_commands; *command; command++) {
            const char *one = *word, *other = *command;
            while (*one && *one == *other)
                one++, other++;
            if (*one == *other)
                return true;
        }
    return false;
}

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

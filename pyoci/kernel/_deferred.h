#ifndef PYOCI_DEFERRED_H
#define PYOCI_DEFERRED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *raw_end(PyObject *module, PyObject *args);
PyObject *raw_end_when_asked(PyObject *module, PyObject *nothing);
PyObject *raw_forget_caller(PyObject *module, PyObject *nothing);

/* wire/messages.py reads it: a kind and a space, words, and a number after a space. Whether it was sent. */
int say(int fd, const char *kind, const char *words, long number);
/* `text` ends with a space; the sender keeps its descriptor. */
void send_descriptor(int fd, const char *text, int descriptor);

/* What only the program can do, since it knows where all of Python's memory is and where the kernel has put its caller's
 * strings. launcher/memory.c sets it; in an extension module all are NULL. */
struct deferred_program {
    void (*release_memory)(void); /* Python has run its last */
    void (*forget_caller)(void);  /* ps(1) shows the caller's command line and environment no more */
};
extern struct deferred_program deferred_program;

#endif

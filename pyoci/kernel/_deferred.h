#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *raw_end(PyObject *module, PyObject *args);

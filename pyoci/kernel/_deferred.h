#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *raw_end(PyObject *module, PyObject *args);
PyObject *raw_forget_caller(PyObject *module, PyObject *nothing);

#ifndef PYOCI_OPENER_H
#define PYOCI_OPENER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *raw_open_procfs_in_child(PyObject *module, PyObject *nothing);
PyObject *raw_end_with_procfs(PyObject *module, PyObject *channel);

#endif
